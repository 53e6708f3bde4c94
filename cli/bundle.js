// SPDX-License-Identifier: GPL-2.0-only
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { access, constants, mkdir, mkdtemp, readFile, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * The command in one file of JavaScript, with the packages that it uses: that
 * loads eight times as fast as its hundred TypeScript modules. It is made again
 * when one of those has changed. Returns its URL.
 */
export async function bundle() {
  const folder = await writableFolder();
  const known = await readFile(join(folder, 'bundle.json'), 'utf8').then(JSON.parse).catch(() => undefined);
  if (known !== undefined && (await digestOf(known.inputs)) === known.digest) {
    const file = join(folder, known.file);
    if (await access(file).then(() => true, () => false)) return pathToFileURL(file);
  }
  return pathToFileURL(join(folder, await make(folder)));
}

/** Beside the packages, which it imports; of a checkout that is not ours to write to, in a temporary folder. */
async function writableFolder() {
  const packages = join(root, 'node_modules');
  const folder = join(packages, '.cache/aemcert');
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
    return folder;
  } catch {
    const temporary = await mkdtemp(join(tmpdir(), 'aemcert-bundle-'));
    process.on('exit', () => rmSync(temporary, { recursive: true, force: true }));
    await symlink(packages, join(temporary, 'node_modules'));
    return temporary;
  }
}

async function make(folder) {
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
  const { text } = outputFiles[0];
  // Two that run at the same time, and a change between them, must not share a file.
  const file = `aemcert-${createHash('sha256').update(text).digest('hex').slice(0, 16)}.mjs`;
  await put(join(folder, file), text);
  await removeOld(folder);
  // The packages are as package-lock.json says.
  const inputs = Object.keys(metafile.inputs).filter((input) => !input.startsWith('node_modules/'));
  const record = JSON.stringify({ file, inputs, digest: await digestOf(inputs) });
  // What changed meanwhile may be in the digest and not in the bundle.
  if ((await lastChange(inputs)) < begun) await put(join(folder, 'bundle.json'), record);
  return file;
}

/** What nobody can be about to load any more. */
async function removeOld(folder) {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (name.startsWith('aemcert-') && Date.now() - (await changed(path)) > 86_400_000) await rm(path, { force: true });
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
  await writeFile(fresh, text);
  await rename(fresh, path);
}

/** Of the sources, and of what makes a bundle of them. */
async function digestOf(inputs) {
  const hash = createHash('sha256');
  for (const input of ['package-lock.json', 'cli/bundle.js', ...inputs]) {
    hash.update(`${input}\0`).update(await readFile(join(root, input)).catch(() => 'gone'));
  }
  return hash.digest('hex');
}
