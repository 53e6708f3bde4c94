// SPDX-License-Identifier: GPL-2.0-only
import { appendFile, cp, mkdir, readFile, truncate } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { InputError } from '../../lib/errors.ts';
import { projectRoot } from '../../lib/paths.ts';
import { temporaryFolder } from '../../lib/testing/temporary-folder.ts';
import type { GuestBuild, KernelBuild } from './artifacts.ts';
import { ensureGuest, unitFolder } from './guest.ts';
import { ensureConfig, ensureKernel, findKernel, kernelFolder } from './kernel.ts';
import type { BuildProgress } from './progress.ts';

let kernel: KernelBuild;
beforeAll(async () => {
  kernel = await ensureKernel();
});

describe('the kernel', () => {
  test('is found again without building', async () => {
    const seen: BuildProgress[] = [];

    expect(await ensureKernel({ onProgress: (progress) => seen.push(progress) })).toEqual(kernel);
    expect(await findKernel()).toEqual(kernel);

    expect(seen).toEqual([]);
  });

  test('is not used any more when its image is truncated', async () => {
    const cache = await temporaryFolder();
    const folder = dirname(kernel.tree);
    const copy = join(kernelFolder(cache), kernel.key);
    for (const file of ['complete', 'build.json', relative(folder, kernel.image), relative(folder, kernel.config)]) {
      await mkdir(dirname(join(copy, file)), { recursive: true });
      await cp(join(folder, file), join(copy, file));
    }
    expect(await findKernel({ cache })).toMatchObject({ release: kernel.release });

    await truncate(join(copy, relative(folder, kernel.image)), 1_000_000);

    expect(await findKernel({ cache })).toBeUndefined();
  });

  test('says which release it is, from which source and patches', async () => {
    expect(kernel.release).toMatch(/^6\.12\.\d+-aem$/);
    expect(kernel.source).toMatch(/^linux-source-6\.12 6\.12\./);
    expect(kernel.patches.length).toBeGreaterThan(0);
    // The boot protocol's magic number.
    expect((await readFile(kernel.image)).toString('latin1', 0x202, 0x206)).toBe('HdrS');
  });

  test('has the options that were asked for', async () => {
    expect(await ensureConfig()).toContain('CONFIG_AEM=y\n');
  });

  test('a series that is not there is an error', async () => {
    await expect(ensureKernel({ version: '2.4' })).rejects.toThrow(
      'there is no patch series for this kernel version',
    );
  });

  test('an abort before the start builds nothing', async () => {
    const controller = new AbortController();
    controller.abort(new Error('enough'));
    const cache = await temporaryFolder();

    await expect(ensureKernel({ signal: controller.signal, cache })).rejects.toThrow('enough');
  });
});

describe('modules and guest programs', () => {
  const paths = ({ modules, programs }: GuestBuild): readonly string[] =>
    [...modules, ...programs].map(({ path }) => path);

  /** A cache that holds what is built of the sources as they are, and that a test may change. */
  async function ownCache(): Promise<string> {
    const cache = await temporaryFolder();
    const units = paths(await ensureGuest(kernel, 'release')).map((path) => relative(unitFolder(), path).split(sep)[0] ?? '');
    for (const unit of new Set(units)) {
      await cp(join(unitFolder(), unit), join(unitFolder(cache), unit), { recursive: true, verbatimSymlinks: true });
    }
    return cache;
  }

  test('are built once, and a change of one module builds that module again', async () => {
    const cache = await ownCache();
    const sources = await temporaryFolder();
    for (const folder of ['modules', 'suites/guest']) {
      await cp(join(projectRoot, folder), join(sources, folder), { recursive: true });
    }
    const first = await ensureGuest(kernel, 'release', { cache, sources });
    expect(first.modules[0]?.name).toBe('aem-core');
    expect(first.programs.map(({ name }) => name)).toEqual(expect.arrayContaining(['agent', 'probe']));
    expect(paths(await ensureGuest(kernel, 'release', { cache, sources }))).toEqual(paths(first));

    await appendFile(join(sources, 'modules/aem-pexit/aem-pexit.c'), '/* changed */\n');
    const changed = await ensureGuest(kernel, 'release', { cache, sources });

    const rebuilt = [...changed.modules, ...changed.programs].filter(
      ({ path }) => !paths(first).includes(path),
    );
    expect(rebuilt.map(({ name }) => name)).toEqual(['aem-pexit']);

    // What aem-core exports has not changed, so nobody else needs to know.
    await appendFile(join(sources, 'modules/aem-core/main.c'), '/* changed */\n');
    const core = await ensureGuest(kernel, 'release', { cache, sources });
    const rebuiltForCore = core.modules.filter(({ path }) => !paths(changed).includes(path));
    expect(rebuiltForCore.map(({ name }) => name)).toEqual(['aem-core']);
  });

  test('one that is truncated is built again, and comes out the same', async () => {
    const cache = await ownCache();
    const path = (await ensureGuest(kernel, 'release', { cache })).modules[0]?.path ?? '';
    const whole = await readFile(path);
    await truncate(path, 1000);

    await ensureGuest(kernel, 'release', { cache });

    expect((await readFile(path)).equals(whole)).toBe(true);
  });

  test('what does not compile is an InputError with the first error and the log', async () => {
    const cache = await temporaryFolder();
    const sources = await temporaryFolder();
    await cp(join(projectRoot, 'modules'), join(sources, 'modules'), { recursive: true });
    await cp(join(projectRoot, 'suites/guest'), join(sources, 'suites/guest'), { recursive: true });
    await appendFile(join(sources, 'modules/aem-core/main.c'), 'int broken(void) { return nowhere; }\n');

    const error = await ensureGuest(kernel, 'release', { cache, sources }).catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(InputError);
    const { message, details } = error as InputError;
    expect(message).toBe('aem-core does not compile');
    expect(details.seen).toContain("error: 'nowhere' undeclared");
    expect(await readFile(details.where ?? '', 'utf8')).toContain('nowhere');
  });

  test('the build with seeded faults has its own modules', async () => {
    const release = await ensureGuest(kernel, 'release');
    const controls = await ensureGuest(kernel, 'controls');

    expect(controls.modules.map(({ name }) => name)).toEqual(release.modules.map(({ name }) => name));
    expect(paths(controls).filter((path) => paths(release).includes(path))).toEqual([]);
  });
});
