// SPDX-License-Identifier: GPL-2.0-only
/** A machine over ssh that may be disturbed, and loaded with modules: a guest. */
import { copyFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { projectRoot } from '../../../lib/paths.ts';
import { runningProcesses } from '../../../lib/testing/processes.ts';
import { temporaryFolder } from '../../../lib/testing/temporary-folder.ts';
import { readResults } from '../../../reporters/read.ts';
import { ensureGuest } from '../../build/guest.ts';
import { ensureKernel } from '../../build/kernel.ts';
import { bootSshGuest } from './testing/guest.ts';

const aemcert = join(projectRoot, 'cli/aemcert.js');

/** The taint of modules that are not of the kernel's own tree. */
const outOfTree = 4096;

/** Under emulation, on a busy machine. */
const long = { timeout: 15 * 60_000 };

/** A guest without AEM's modules, and a folder with them. */
async function machine() {
  const kernel = await ensureKernel();
  const built = await ensureGuest(kernel, 'release');
  const modules = await temporaryFolder();
  for (const { path } of built.modules) await copyFile(path, join(modules, basename(path)));
  const guest = await bootSshGuest(kernel, { ...built, modules: [] });
  const out = await temporaryFolder();
  const start = (...args: readonly string[]) => {
    const options = guest.options.flatMap((option) => ['--ssh-option', option]);
    const argv = [aemcert, 'run', '--target', guest.address, ...options, '--load-modules', modules, '--out', out, ...args];
    return execa('node', argv, { cwd: projectRoot, env: { AEMCERT_FIXTURES: '1', TMPDIR: out }, all: true, reject: false });
  };
  const sh = async (command: string): Promise<string> => (await guest.inside.exec(['sh', '-c', command])).stdout;
  /** All that a run could leave: modules, files, mounts, settings, processes. */
  const state = async (): Promise<string> =>
    sh('cut -d" " -f1 /proc/modules; ls -a /tmp /var/tmp 2>/dev/null; cat /proc/mounts; for f in fs/inotify/* fs/fanotify/* fs/epoll/* vm/overcommit_memory; do echo $f $(cat /proc/sys/$f); done; ps -o comm= | grep -E "^(agent|probe|sleep [0-9]{3})"');
  return { guest, out, start, state, sh };
}

test('root runs what disturbs the machine where it may, and with modules that it brings; all of it is undone', long, async () => {
  const { out, start, state, sh } = await machine();
  // It had a warning long ago, which is no fault of the run's.
  await sh('echo 512 > /proc/sys/kernel/tainted');
  const before = await state();

  const { exitCode, all } = await start('--destructive', '-r', 'R1-2.4-a', '-r', 'SEC.7.3', '-r', 'AVL.4.1', '-r', 'GAP.2.0', '-r', 'PRF.5.0-c', '--module', 'cgl');

  const results = await readResults(join(out, 'results.json'));
  const odd = results.tests.filter(({ verdict }) => verdict !== 'PASS');
  expect(odd.filter(({ id }) => id.startsWith('cgl/')), all).toEqual([]);
  expect(new Set(results.plan.map(({ binding }) => binding))).toEqual(new Set(['aem', 'native']));
  expect(results.subject.modules.map(({ name }) => name)).toContain('aem-core');
  expect(results.target).toMatchObject({ driver: 'ssh', user: 'root', destructive: true });
  expect(results.target.logUnwatched).toBeUndefined();
  expect(results.tests[0]?.taint?.before).toBe(512 | outOfTree);
  expect(results.incidents.filter(({ blame }) => blame === 'kernel')).toEqual([]);
  expect([0, 1, 3]).toContain(exitCode);
  expect(await state()).toBe(before);
});

test('a connection that is lost while a setting is changed leaves neither it nor a module', long, async () => {
  const { guest, start, state, sh } = await machine();
  const before = await state();
  const run = start('--grep', 'fixture: waits with another setting');
  const setting = (): Promise<string> => sh('cat /proc/sys/fs/inotify/max_queued_events');
  await Promise.race([
    expect.poll(setting, { timeout: 200_000 }).toBe('123\n'),
    run.then(({ all }) => Promise.reject(new Error(`it ended: ${all}`))),
  ]);
  expect(await state()).toContain('aem_core');

  const clients = (await runningProcesses()).filter(({ command }) => command.startsWith('ssh ') && command.includes(guest.options[1] ?? ''));
  expect(clients).toHaveLength(1);
  // First aemcert, so that it does not come back.
  run.kill('SIGKILL');
  for (const { pid } of clients) process.kill(pid, 'SIGKILL');
  await run;

  await expect.poll(state, { timeout: 120_000 }).toBe(before);
});
