// SPDX-License-Identifier: GPL-2.0-only
/** What a kernel complains of before the first test: none of it is lost. */
import { chmod, cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import type { GuestBuild, KernelBuild } from '../../kernel/build/artifacts.ts';
import { ensureGuest, isSource } from '../../kernel/build/guest.ts';
import { ensureKernel } from '../../kernel/build/kernel.ts';
import { BootError } from '../../kernel/target/died.ts';
import { bootQemu } from '../../kernel/target/qemu/boot.ts';
import { projectRoot } from '../../lib/paths.ts';
import { temporaryFolder } from '../../lib/testing/temporary-folder.ts';
import type { Incident } from '../../reporters/results.ts';
import { executeTests } from './execute.ts';
import type { Executed } from './execute.ts';
import { loadPlan } from './run.ts';

let kernel: KernelBuild;
let guest: GuestBuild;
beforeAll(async () => {
  kernel = await ensureKernel();
  guest = await ensureGuest(kernel, 'release');
});

/** A guest that runs a shell script first of all, before the agent has set up anything. */
async function guestThatFirst(...script: readonly string[]): Promise<GuestBuild> {
  const path = join(await temporaryFolder(), 'agent');
  const mounts = ['mount -t devtmpfs dev /dev', 'mount -t proc proc /proc'];
  const exec = 'exec /usr/aem/bin/real-agent';
  await writeFile(path, ['#!/bin/sh', ...mounts, ...script, 'umount /dev /proc', exec, ''].join('\n'));
  await chmod(path, 0o755);
  const programs = guest.programs.map(({ name, ...rest }) => ({ ...rest, name: name === 'agent' ? 'real-agent' : name }));
  return { ...guest, programs: [...programs, { name: 'agent', path }] };
}

/** One or more, since a boot whose timers are coarse is done again; all alike. */
function expectAlike(incidents: readonly Incident[], like: Partial<Incident>, words: string): void {
  expect(incidents).not.toEqual([]);
  for (const incident of incidents) {
    expect(incident).toMatchObject(like);
    expect(incident.excerpt).toContain(words);
  }
}

/** One test, on a guest of its own: of one processor, for which QEMU runs no stale code. */
async function execute(on: GuestBuild): Promise<{ ended: readonly Executed[]; stray: readonly Incident[] }> {
  const { plan } = await loadPlan();
  const tests = plan.filter(({ suite }) => suite === 'core').slice(0, 1);
  const ended: Executed[] = [];
  const stray: Incident[] = [];
  const broken = await executeTests({
    settings: {
      on: { driver: 'qemu', kernel, guest: on, memoryMiB: 512, cpus: 1 },
      consoleLogs: [join(await temporaryFolder(), 'console.log')],
      deadline: 60_000,
      selected: tests.map(({ id }) => id),
      limits: {},
    },
    tests,
    onEnd: (one) => ended.push(one),
    onStray: (incidents) => stray.push(...incidents),
  });
  expect(broken).toEqual([]);
  return { ended, stray };
}

test('a warning before the agent runs is a stray one of the run, and costs its first test nothing', async () => {
  const on = await guestThatFirst(`echo '<4>WARNING: CPU: 0 PID: 1 at fixture' > /dev/kmsg`);

  const { ended, stray } = await execute(on);

  expect(ended.map(({ evidence }) => evidence.verdict)).toEqual(['PASS']);
  expectAlike(stray, { kind: 'warning', blame: 'kernel', boot: 1 }, 'at fixture');
});

test('a module that warns while it loads is one too', async () => {
  const sources = await temporaryFolder();
  for (const folder of ['modules', 'suites/guest']) {
    const from = join(projectRoot, folder);
    await cp(from, join(sources, folder), { recursive: true, filter: (path) => path === from || isSource(basename(path)) });
  }
  const folder = join(sources, 'modules/aem-splat');
  await mkdir(folder);
  await writeFile(join(folder, 'Kbuild'), 'obj-m := aem-splat.o\n');
  await writeFile(
    join(folder, 'aem-splat.c'),
    [
      '#include <linux/module.h>',
      'static int __init splat(void) { WARN(1, "a splat at load\\n"); return 0; }',
      'module_init(splat);',
      'MODULE_LICENSE("GPL");',
      'MODULE_DESCRIPTION("warns");',
      '',
    ].join('\n'),
  );

  const target = await bootQemu({ kernel, guest: await ensureGuest(kernel, 'release', { sources }), boot: 1, cpus: 1 });
  onTestFinished(() => target.close());
  const { incidents, taint } = await target.health();

  expectAlike(incidents, { kind: 'warning', blame: 'kernel', boot: 1 }, 'a splat at load');
  expect(taint & (1 << 9)).not.toBe(0);
  expect((await target.health()).incidents).toEqual([]);
});

test('a kernel that panics while it boots leaves its last words, once, and no test a verdict', async () => {
  const on = await guestThatFirst('echo c > /proc/sysrq-trigger');

  const { ended, stray } = await execute(on);

  expect(ended.map(({ evidence }) => evidence.verdict)).toEqual(['UNRESOLVED']);
  expect(stray).toMatchObject([{ kind: 'panic', blame: 'infrastructure', boot: 1 }]);
  expect(stray[0]?.excerpt).toContain('sysrq triggered crash');
});

test('a boot leaves nothing in the folder for temporary files, whether it comes up or not', async () => {
  vi.stubEnv('TMPDIR', await temporaryFolder());
  onTestFinished(() => void vi.unstubAllEnvs());

  const target = await bootQemu({ kernel, guest, boot: 1 });
  onTestFinished(() => target.close());
  const whileItRuns = await readdir(tmpdir());
  const broken = await guestThatFirst('echo c > /proc/sysrq-trigger');
  const booting = bootQemu({ kernel, guest: broken, boot: 2 });

  await expect(booting).rejects.toBeInstanceOf(BootError);
  expect(whileItRuns).toEqual([]);
  expect((await readdir(tmpdir())).filter((name) => !name.startsWith('aemcert-test-'))).toEqual([]);
});
