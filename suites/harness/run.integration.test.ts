// SPDX-License-Identifier: GPL-2.0-only
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { projectRoot } from '../../lib/paths.ts';
import { runningProcesses } from '../../lib/testing/processes.ts';
import { untilPrinted } from '../../lib/testing/until-printed.ts';
import { within } from '../../lib/within.ts';
import { readResults } from '../../reporters/read.ts';
import type { Results, TestResult } from '../../reporters/results.ts';

const aemcert = join(projectRoot, 'cli/aemcert.js');
const env = { AEMCERT_FIXTURES: '1' };

let out = '';
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), 'aemcert-run-'));
});
afterEach(async () => {
  await rm(out, { recursive: true, force: true });
});

function start(...args: readonly string[]): ReturnType<typeof launch> {
  return launch(args);
}

function launch(args: readonly string[], more: Readonly<Record<string, string>> = {}) {
  // Its temporary files are ours to find, and so is a QEMU that has their names on its command line.
  const own = { ...env, TMPDIR: out, ...more };
  // Of a guest with one processor QEMU does not run stale code, which would be an incident more.
  const run = execa('node', [aemcert, 'run', '--cpus', '1', '--out', out, ...args], { cwd: projectRoot, env: own, all: true, reject: false });
  onTestFinished(() => void run.kill('SIGKILL'));
  return run;
}

async function results(): Promise<Results> {
  return readResults(join(out, 'results.json'));
}

function find({ tests, plan }: Results, title: string): TestResult {
  const id = plan.find((test) => test.title === title)?.id;
  const found = tests.find((result) => result.id === id);
  if (found === undefined) throw new Error(`no result of ${title}`);
  return found;
}

/** QEMUs of the runs that we started. */
async function leftBehind(): Promise<readonly string[]> {
  const commands = (await runningProcesses()).map(({ command }) => command);
  return commands.filter((command) => command.includes('qemu-system') && command.includes(out));
}

test('a panic fails its test with what the console said; the rest goes on on a fresh target', async () => {
  const { exitCode, all } = await start('--grep', 'fixtures/bad-ends');

  const measured = await results();
  expect(exitCode, all).toBe(1);
  expect(measured.lines).toBeUndefined();
  expect(find(measured, 'fixture: passes before')).toMatchObject({ verdict: 'PASS', boot: 1 });
  expect(find(measured, 'fixture: the kernel panics')).toMatchObject({ verdict: 'FAIL', boot: 1 });
  expect(find(measured, 'fixture: the kernel panics').console).toContain('sysrq triggered crash');
  expect(find(measured, 'fixture: passes after')).toMatchObject({ verdict: 'PASS', boot: 2 });
  expect(find(measured, 'fixture: asserts nothing')).toMatchObject({ verdict: 'UNTESTED' });
  expect(find(measured, 'fixture: lacks something')).toMatchObject({ verdict: 'UNSUPPORTED' });
  expect(find(measured, 'fixture: the host kills QEMU')).toMatchObject({ verdict: 'UNRESOLVED' });
  expect(find(measured, 'fixture: QEMU runs stale code, once')).toMatchObject({ verdict: 'PASS', assertions: 1 });
  expect(measured.incidents).toMatchObject([
    { kind: 'panic', blame: 'kernel' },
    { kind: 'exit', blame: 'infrastructure' },
    { kind: 'panic', blame: 'infrastructure' },
  ]);
  expect(measured.incidents[2]).not.toHaveProperty('testId');
  expect(await readFile(join(out, 'junit.xml'), 'utf8')).toContain('sysrq triggered crash');
});

test('what happens between tests and after the last one is nobody’s, in every report, and no run passes with it', async () => {
  const { exitCode, all } = await start('--grep', 'fixtures/stray');

  const measured = await results();
  expect(measured.tests.map(({ verdict, boot }) => [verdict, boot]), all).toEqual([['PASS', 1], ['PASS', 1], ['PASS', 2]]);
  expect(measured.run.complete).toBe(true);
  expect(measured.incidents).toMatchObject([
    { kind: 'warning', blame: 'kernel', boot: 1 },
    { kind: 'panic', blame: 'kernel', boot: 1 },
    { kind: 'warning', blame: 'kernel', boot: 2 },
  ]);
  expect(measured.incidents.map(({ testId }) => testId)).toEqual([undefined, undefined, undefined]);
  expect(exitCode).toBe(1);
  const told = [/WARNING: CPU: 0 PID: 7 at fixture/, /Kernel panic - not syncing: sysrq triggered crash/];
  for (const words of told) {
    expect(all).toMatch(words);
    for (const report of ['junit.xml', 'coverage.html', 'coverage.md', 'coverage.json']) {
      expect(await readFile(join(out, report), 'utf8'), report).toMatch(words);
    }
  }
});

test.each(['SIGINT', 'SIGTERM'] as const)('%s keeps what was measured and leaves nothing behind', async (signal) => {
  const run = start('--grep', 'fixtures/long');
  await untilPrinted(run, /fixture: ends/);
  await expect.poll(leftBehind, { timeout: 60_000 }).toHaveLength(1);

  run.kill(signal);
  const { exitCode } = await run;

  const measured = await results();
  expect(exitCode).toBe(3);
  expect(measured.run.complete).toBe(false);
  expect(measured.run.interruption).toContain(signal);
  expect(find(measured, 'fixture: ends').verdict).toBe('PASS');
  expect(find(measured, 'fixture: waits for long').verdict).toBe('UNTESTED');
  await expect.poll(leftBehind, { timeout: 60_000 }).toEqual([]);
  expect((await readdir(out)).filter((name) => name.startsWith('aemcert-'))).toEqual([]);
});

/** A timer fires before as much has gone by on the clock: what happens by chance on a busy machine, always. */
const slowClock = '--import=data:text/javascript,const{now}=Date,began=now();Date.now=()=>began+Math.floor((now()-began)/1000)';

test('how a test has ended is told while the next one runs; a run that is killed leaves no QEMU behind', async () => {
  const run = launch(['--grep', 'fixtures/long'], { NODE_OPTIONS: slowClock });
  await within(60_000, untilPrinted(run, /PASS .*fixture: ends/), () => new Error('nothing was told of a test that has ended'));

  run.kill('SIGKILL');
  await run;

  await expect.poll(leftBehind, { timeout: 60_000 }).toEqual([]);
  expect((await results()).run.complete).toBe(false);
});

test('interrupted controls could not tell, and leave nothing behind', async () => {
  const args = [aemcert, 'controls', '--requirement', 'AEM-CORE-026', '--others', '60', '--out', out];
  const run = execa('node', args, { cwd: projectRoot, env: { TMPDIR: out }, all: true, reject: false });
  await untilPrinted(run, /against tests [1-9]/);

  run.kill('SIGINT');
  const { exitCode, all } = await run;

  expect(exitCode, all).toBe(3);
  expect(all).toContain('interrupted by SIGINT');
  await expect.poll(leftBehind, { timeout: 60_000 }).toEqual([]);
});

test('a run that builds nothing leaves no report of an earlier one, but one that is refused does', async () => {
  await start('--grep', 'fixture: passes before');
  const reports = async (): Promise<readonly string[]> => (await readdir(out)).filter((name) => /results|junit|coverage/.test(name));
  const all = await reports();
  expect(all).toHaveLength(5);

  expect(await start('--module', 'nonesuch')).toMatchObject({ exitCode: 2 });
  expect(await reports()).toEqual(all);

  const broken = await start('--grep', 'fixture: passes before', '--source', '/dev/null');
  expect(broken.exitCode).toBeGreaterThan(1);
  expect(await reports()).toEqual([]);
});

test('the probe keeps the scripts of its events apart', async () => {
  const { exitCode, all } = await start('--grep', 'fixtures/scripts');

  expect(exitCode, all).toBe(0);
  expect((await results()).tests.map(({ verdict }) => verdict)).toEqual(['PASS']);
});

test('bad input and places that cannot be written to are told before anything is built', async () => {
  const unknownModule = await start('--module', 'nonesuch');
  const unknownId = await start('--requirement', 'AEM-CORE-9');
  const nothing = await start('--grep', 'no test has this in its title');
  const unwritable = await execa('node', [aemcert, 'run', '--out', '/proc/nowhere'], {
    cwd: projectRoot,
    all: true,
    reject: false,
  });

  expect(unknownModule).toMatchObject({ exitCode: 2 });
  expect(unknownModule.all).toContain('there is no module nonesuch');
  expect(unknownId).toMatchObject({ exitCode: 2 });
  expect(unknownId.all).toContain('did you mean');
  expect(nothing).toMatchObject({ exitCode: 2 });
  expect(unwritable).toMatchObject({ exitCode: 3 });
  expect(unwritable.all).toContain('/proc/nowhere');
});
