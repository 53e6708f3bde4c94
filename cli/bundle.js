// SPDX-License-Identifier: GPL-2.0-only
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { access, mkdir, mkdtemp, readFile, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const packages = join(root, 'node_modules');
/** Beside the packages, which the bundle imports. */
const folder = join(packages, '.cache/aemcert');
/** Which bundle there is, and of what: one a checkout, should several share their packages. */
const record = join(folder, `bundle-${digest(root).slice(0, 16)}.json`);

/**
 * The command in one file of JavaScript, with the packages that it uses: that
 * loads eight times as fast as its hundred TypeScript modules. It is made again
 * when one of those has changed. Returns its URL.
 */
export async function bundle() {
  const known = await readFile(record, 'utf8').then(JSON.parse).catch(() => undefined);
  if (known !== undefined && (await digestOf(known.inputs)) === known.digest) {
    const file = join(folder, known.file);
    if (await access(file).then(() => true, () => false)) return pathToFileURL(file);
  }
  const made = await make();
  // It is not kept where there is no room, or nothing that is ours to write to.
  const file = await keep(made).catch(() => putAside(made.text));
  return pathToFileURL(file);
}

/** The bundle's text, and from what it is made. */
async function make() {
  const begun = Date.now();
  const { build } = await import('esbuild');
  const { metafile, outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ['cli/main.ts'],
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['vitest'],
    // For packages that are CommonJS.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.filename);" },
    // Of all modules only lib/paths.ts asks where it is.
    define: { 'import.meta.url': JSON.stringify(pathToFileURL(join(root, 'lib/paths.ts'))) },
    metafile: true,
    sourcemap: 'inline',
    sourcesContent: false,
    outdir: folder,
    write: false,
    logLevel: 'error',
  });
  // The packages are as the lock files say.
  const inputs = Object.keys(metafile.inputs).filter((input) => !input.startsWith('node_modules/'));
  return { text: outputFiles[0].text, inputs, begun };
}

async function keep({ text, inputs, begun }) {
  await mkdir(folder, { recursive: true });
  // Two that run at the same time, and a change between them, must not share a file.
  const file = `bundle-${digest(text).slice(0, 16)}.mjs`;
  await put(join(folder, file), text);
  const made = JSON.stringify({ file, inputs, digest: await digestOf(inputs) });
  // What changed meanwhile may be in the digest and not in the bundle.
  if ((await lastChange(inputs)) < begun) await put(record, made);
  await removeOld().catch(() => undefined);
  return join(folder, file);
}

/** Into a folder that goes with this process. */
async function putAside(text) {
  const temporary = await mkdtemp(join(tmpdir(), 'aemcert-bundle-'));
  process.on('exit', () => rmSync(temporary, { recursive: true, force: true }));
  await symlink(packages, join(temporary, 'node_modules'));
  const file = join(temporary, 'bundle.mjs');
  await writeFile(file, text);
  return file;
}

/** What nobody can be about to load any more, and what was not finished. */
async function removeOld() {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (name.startsWith('bundle-') && Date.now() - (await changed(path)) > 86_400_000) await rm(path, { force: true });
  }
}

async function lastChange(inputs) {
  return Math.max(...(await Promise.all(inputs.map((input) => changed(join(root, input))))));
}

/** In milliseconds since 1970; now, of what has gone. */
function changed(path) {
  return stat(path).then(({ mtimeMs }) => mtimeMs, () => Date.now());
}

async function put(path, text) {
  const fresh = `${path}.${process.pid}`;
  try {
    await writeFile(fresh, text);
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
}

function digest(text) {
  return createHash('sha256').update(text).digest('hex');
}

/** Of the sources, of what makes a bundle of them, and of where they are, which is in it. */
async function digestOf(inputs) {
  const makers = ['package-lock.json', 'node_modules/.package-lock.json', 'package.json', 'tsconfig.json', 'cli/bundle.js'];
  const hash = createHash('sha256').update(`${root}\0`);
  for (const input of [...makers, ...inputs]) {
    hash.update(`${input}\0`).update(await readFile(join(root, input)).catch(() => 'gone'));
  }
  return hash.digest('hex');
}
