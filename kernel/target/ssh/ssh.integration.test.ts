// SPDX-License-Identifier: GPL-2.0-only
/** A machine over ssh, which here is this one: light tests alone, and nothing that disturbs it. */
import { once } from 'node:events';
import { constants } from 'node:fs';
import { appendFile, chmod, cp, mkdtemp, open, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished, test, vi } from 'vitest';
import { projectRoot } from '../../../lib/paths.ts';
import { runningProcesses } from '../../../lib/testing/processes.ts';
import { temporaryFolder } from '../../../lib/testing/temporary-folder.ts';
import { untilPrinted, type PrintingCommand } from '../../../lib/testing/until-printed.ts';
import { conclude } from '../../../reporters/conclude.ts';
import { readResults } from '../../../reporters/read.ts';
import type { Results } from '../../../reporters/results.ts';
import { sampleProduct } from '../../../reporters/testing/bundle.ts';
import { startSshd } from './testing/sshd.ts';

const aemcert = join(projectRoot, 'cli/aemcert.js');

/** `filter`: see startSshd(). */
async function machine({ filter }: { readonly filter?: (there: string) => string } = {}) {
  const own = await temporaryFolder();
  await chmod(own, 0o755);
  const out = join(own, 'out');
  // Root's agent has a /tmp of its own.
  const there = await mkdtemp('/var/tmp/aemcert-test-');
  onTestFinished(async () => {
    // Of a test that has failed: it would have the machine from the next one.
    for (const { pid, command } of await runningProcesses()) if (command.includes(`agent --remote ${there}/`)) process.kill(pid, 'SIGKILL');
    await rm(there, { recursive: true, force: true });
  });
  await chmod(there, 0o1777);
  const sshd = await startSshd(filter === undefined ? {} : { filter: filter(there) });
  const start = (target: string, ...args: readonly string[]) => {
    const options = sshd.options.flatMap((option) => ['--ssh-option', option]);
    const argv = [aemcert, 'run', '--target', target, ...options, '--target-folder', there, '--out', out, ...args];
    const run = execa('taskset', ['1', 'node', ...argv], { cwd: projectRoot, env: { AEMCERT_FIXTURES: '1', TMPDIR: own }, all: true, reject: false });
    // Of a test that has failed: what it waits for does not end by itself.
    onTestFinished(() => void run.kill('SIGKILL'));
    return run;
  };
  /** A pipe there: who opens it waits for the other end. */
  const gate = async (name: string): Promise<string> => {
    const path = join(there, name);
    await execa('mkfifo', [path]);
    return path;
  };
  /** Files and processes that are there because of a run: of its programs each has the agent's folder in its environment. */
  const left = async (): Promise<readonly string[]> => {
    const running = (await runningProcesses()).filter(({ command }) => command.includes(there) && !command.includes(aemcert));
    const theirs = await Promise.all((await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(async (pid) => {
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
      return environment.includes(`${there}/aemcert.`) ? [`process ${pid}`] : [];
    }));
    return [...(await readdir(there)), ...running.map(({ command }) => command.slice(0, 200)), ...theirs.flat()];
  };
  return { sshd, out, own, there, start, gate, left, results: (): Promise<Results> => readResults(join(out, 'results.json')) };
}

const isRoot = process.getuid?.() === 0;

/** The test after that one waits, and all of its processes are there: its own, and two strays of each test that leaves some. */
async function untilItWaits(run: PrintingCommand, left: () => Promise<readonly string[]>, before = /fixture: leaves processes/, processes = 5): Promise<void> {
  await untilPrinted(run, before);
  await expect.poll(async () => (await left()).filter((one) => one.startsWith('process')).length, { timeout: 60_000 }).toBeGreaterThanOrEqual(processes);
}

/** Its client, which has the machine's folder on its command line. */
async function killSsh(there: string): Promise<void> {
  const clients = (await runningProcesses()).filter(({ command }) => command.startsWith('ssh ') && command.includes(there));
  expect(clients).toHaveLength(1);
  for (const { pid } of clients) process.kill(pid, 'SIGKILL');
}

test('who is not root measures what needs no root; the rest is UNTESTED, and it is said why', async () => {
  const { sshd, start, left, results } = await machine();

  const { exitCode, all } = await start(sshd.ordinary, '-r', 'PRF.5.0-c', '-r', 'SEC.11.1', '-r', 'SEC.7.3-b', '-r', 'AVL.4.1');

  const { target, tests, plan, subject } = await results();
  expect(exitCode, all).toBe(3);
  expect(target).toMatchObject({ driver: 'ssh', address: sshd.ordinary, user: expect.stringMatching(/^uid [1-9]/) as string });
  expect(subject.kernel.release).toBe((await readFile('/proc/sys/kernel/osrelease', 'utf8')).trim());
  const verdicts = (id: string): ReadonlySet<string> => new Set(plan.filter(({ requirements }) => requirements.includes(id)).map((one) => tests.find((result) => result.id === one.id)?.verdict ?? '?'));
  expect([...verdicts('PRF.5.0-c')]).toEqual(['PASS']);
  for (const id of ['SEC.11.1', 'SEC.7.3-b', 'AVL.4.1']) expect([...verdicts(id)], id).toEqual(['UNTESTED']);
  expect(all).toContain('needs root for fanotify');
  expect(all).toContain('what needs root is UNTESTED');
  expect(await left()).toEqual([]);
});

test('a run that has ended leaves nothing, whatever its tests did', async () => {
  const { sshd, start, left, results } = await machine();

  const { exitCode, all } = await start(sshd.ordinary, '--grep', 'fixture: leaves processes');

  expect(exitCode, all).toBe(0);
  expect((await results()).tests.map(({ verdict }) => verdict)).toEqual(['PASS']);
  expect(await left()).toEqual([]);
});

test('what may stop the machine runs where that is allowed alone', async () => {
  const { sshd, start, results } = await machine();
  const verdict = async (): Promise<string> => (await results()).tests.map((one) => `${one.verdict} ${one.reason ?? ''}`).join();

  await start(sshd.ordinary, '--grep', 'fixture: may stop');
  expect(await verdict()).toBe('UNTESTED may disturb other programs of the machine, or stop it: --destructive');
  await start(sshd.ordinary, '--grep', 'fixture: may stop', '--destructive');
  expect(await verdict()).toBe('PASS ');
});

test('Ctrl-C keeps what was measured and leaves nothing', async () => {
  const { sshd, start, left, results } = await machine();
  const run = start(sshd.ordinary, '--grep', 'fixtures/remote');
  await untilItWaits(run, left);

  run.kill('SIGINT');
  const { exitCode } = await run;

  // It has waited for the other side.
  expect(await left()).toEqual([]);
  expect(exitCode).toBe(3);
  expect((await results()).tests.map(({ verdict }) => verdict)).toEqual(['PASS', 'PASS', 'UNTESTED', 'UNTESTED', 'UNTESTED']);
});

test('an aemcert that is killed leaves nothing', async () => {
  const { sshd, start, left } = await machine();
  const run = start(sshd.ordinary, '--grep', 'fixtures/remote');
  await untilItWaits(run, left);

  run.kill('SIGKILL');
  await run;

  await expect.poll(left, { timeout: 60_000 }).toEqual([]);
});

test('a lost connection leaves nothing; its test has no verdict, and the rest goes on with another', async () => {
  const { sshd, start, left, results, there } = await machine();
  const run = start(sshd.ordinary, '--grep', 'fixtures/remote');
  await untilItWaits(run, left);
  const before = await left();

  await killSsh(there);
  const { exitCode, all } = await run;

  expect(exitCode, all).toBe(3);
  expect(before).not.toEqual([]);
  expect(await left()).toEqual([]);
  const { tests } = await results();
  expect(tests.map(({ verdict }) => verdict), JSON.stringify(tests)).toEqual(['PASS', 'PASS', 'UNRESOLVED', 'PASS', 'UNTESTED']);
  expect(tests[2]?.reason).toBe('exit while the test ran');
  expect(tests[2]?.observed).toContain('was lost: ssh was killed by SIGKILL');
});

test('an agent that hangs when its connection is lost is ended by its guard, and the rest goes on with another', async () => {
  const { sshd, start, left, results, there } = await machine();
  const run = start(sshd.ordinary, '--grep', 'fixtures/remote');
  await untilItWaits(run, left);
  const ours = (await runningProcesses()).filter(({ command }) => command.includes(`agent --remote ${there}/`));
  const agents = ours.filter(({ parent }) => ours.some(({ pid }) => pid === parent));
  expect(agents).toHaveLength(1);
  for (const { pid } of agents) process.kill(pid, 'SIGSTOP');

  await killSsh(there);
  const { exitCode, all } = await run;

  expect(exitCode, all).toBe(3);
  expect((await results()).tests.map(({ verdict }) => verdict), all).toEqual(['PASS', 'PASS', 'UNRESOLVED', 'PASS', 'UNTESTED']);
  expect(await left()).toEqual([]);
});

/** Waits until somebody reads there; they are given `text` when `meanwhile` is over. */
async function atGate(path: string, text: string, meanwhile: () => Promise<unknown> = () => Promise.resolve()): Promise<void> {
  const other = await vi.waitUntil(() => open(path, constants.O_WRONLY | constants.O_NONBLOCK).catch(() => undefined), { timeout: 60_000 });
  try {
    await meanwhile();
    await other.writeFile(text);
  } finally {
    await other.close();
  }
}

/** No program can write into the log as the kernel does; but its name is in what the kernel says of its end. */
async function complain(own: string, words: string): Promise<void> {
  const faults = 'int main(void) { *(volatile int *)0 = 0; return 0; }';
  await execa('gcc', ['-x', 'c', '-O0', '-o', join(own, words), '-'], { input: faults });
  expect(await execa(join(own, words), { reject: false })).toMatchObject({ signal: 'SIGSEGV' });
}

/** For startSshd(): past the agent’s first word nothing comes through until somebody has opened the gate `first`. */
const heldAtFirst = (there: string): string => `read -r hello && echo "$hello" && cat ${there}/first && cat`;

test.runIf(isRoot)('what the kernel says before the first test and while all is put back is of the run, in every report, and no run passes with it', async () => {
  const { sshd, out, own, start, gate, left, results } = await machine({ filter: heldAtFirst });
  const [first, put] = [await gate('first'), await gate('gate')];
  const run = start(sshd.root ?? '', '--grep', 'fixture: has a gate put back');
  const kept = untilPrinted(run, /PASS +1\/1 .*fixture: has a gate put back/);

  await atGate(first, '', () => complain(own, 'BUG: first'));
  await atGate(put, 'as it was\n');
  // The one who read there first has gone.
  await kept;
  await atGate(put, 'as it was\n', () => complain(own, 'BUG: undoing'));
  const { exitCode, all } = await run;

  const { tests, incidents, run: { complete } } = await results();
  expect(tests.map(({ verdict }) => verdict), all).toEqual(['PASS']);
  expect(complete).toBe(true);
  expect(exitCode).toBe(1);
  expect(incidents).toMatchObject([
    { kind: 'bug', blame: 'kernel', boot: 1, excerpt: expect.stringMatching(/BUG: first\[\d+\]: segfault/) as string },
    { kind: 'bug', blame: 'kernel', boot: 1, excerpt: expect.stringMatching(/BUG: undoing\[\d+\]: segfault/) as string },
  ]);
  expect(incidents.map(({ testId }) => testId)).toEqual([undefined, undefined]);
  for (const file of ['console-1.log', 'junit.xml', 'coverage.html', 'coverage.md', 'coverage.json']) {
    const text = await readFile(join(out, file), 'utf8');
    for (const words of [/BUG: first\[/, /BUG: undoing\[/]) expect(text, file).toMatch(words);
  }
  expect(all).toMatch(/bug while no test ran: .*BUG: undoing/);
  expect(await left()).toEqual(['first', 'gate']);
});

test.runIf(isRoot)('what the kernel says while programs and modules are brought by a later connection is of the run, too', async () => {
  const { sshd, own, there, start, gate, left, results } = await machine({ filter: heldAtFirst });
  const [first, put] = [await gate('first'), await gate('gate')];
  const run = start(sshd.root ?? '', '--grep', 'fixtures/gate');
  const waits = untilItWaits(run, left, /fixture: has a gate/, 1);
  await atGate(first, '');
  await atGate(put, 'as it was\n');
  await waits;

  await killSsh(there);
  await atGate(put, 'as it was\n');
  await atGate(first, '', () => complain(own, 'BUG: again'));
  const { exitCode, all } = await run;

  const { tests, incidents } = await results();
  expect(tests.map(({ verdict }) => verdict), all).toEqual(['PASS', 'UNRESOLVED', 'PASS']);
  expect(incidents.filter(({ blame }) => blame === 'kernel'), all).toMatchObject([{ kind: 'bug', boot: 2, excerpt: expect.stringMatching(/BUG: again\[\d+\]: segfault/) as string }]);
  expect(exitCode).toBe(1);
  expect(await left()).toEqual(['first', 'gate']);
});

test('what cannot be put back is told and is in the results', async () => {
  const { sshd, out, start, gate, left, results } = await machine();
  const put = await gate('gate');
  const run = start(sshd.ordinary, '--grep', 'fixture: has a gate put back');

  // Who reads it has it open already.
  await atGate(put, 'as it was\n', () => rm(put));
  const { exitCode, all } = await run;

  expect(exitCode, all).toBe(3);
  const { tests, incidents } = await results();
  expect(tests.map(({ verdict }) => verdict), all).toEqual(['PASS']);
  const told = `left behind: a changed setting: ${put} (No such file or directory)`;
  expect(incidents).toMatchObject([{ kind: 'other', blame: 'infrastructure', excerpt: told }]);
  expect(all).toContain(`${sshd.ordinary}: ${told}`);
  expect(await readFile(join(out, 'coverage.md'), 'utf8')).toContain('left behind: a changed setting: ');
  expect(await left()).toEqual([]);
});

test('after a lost connection the next agent begins when the guard of the last one has put all back', async () => {
  const { sshd, start, gate, left, results, there } = await machine();
  const put = await gate('gate');
  const run = start(sshd.ordinary, '--grep', 'fixtures/gate');
  const told = untilPrinted(run, /: waiting for process \d+ there, for "\S+, process \d+ there, since /);
  const waits = untilItWaits(run, left, /fixture: has a gate/, 1);
  await atGate(put, 'as it was\n');
  await waits;
  const agents = async (): Promise<number> => (await runningProcesses()).filter(({ command }) => command.includes(`agent --remote ${there}/`)).length;
  expect(await agents()).toBe(2);

  await killSsh(there);
  await told;
  // The last one's guard, which nobody lets through yet, and the next one before it is two.
  await expect.poll(agents, { timeout: 60_000 }).toBe(2);
  await atGate(put, 'as it was\n');
  const { exitCode, all } = await run;

  expect(exitCode, all).toBe(3);
  expect((await results()).tests.map(({ verdict }) => verdict)).toEqual(['PASS', 'UNRESOLVED', 'PASS']);
  expect(await left()).toEqual(['gate']);
});

test('a machine that somebody measures is not measured by others meanwhile', async () => {
  const { sshd, own, start, left } = await machine();
  const run = start(sshd.ordinary, '--grep', 'fixtures/remote');
  await untilItWaits(run, left);
  const before = await left();

  const second = await start(sshd.root ?? sshd.ordinary, '-r', 'PRF.5.0-c', '--out', join(own, 'second'));

  expect(second.exitCode, second.all).toBe(3);
  expect(second.all).toMatch(/^aemcert: ssh:\/\/\S+: it is taken: process \d+ there, of uid \d+, for "\S+, process \d+ there, since \S+Z", measures it\n {2}do: +two at once would see /m);
  // It has left nothing, and the first has lost nothing.
  expect(await left()).toEqual(before);
  run.kill('SIGINT');
  await run;
  expect(await left()).toEqual([]);
});

test('of somebody who holds the name nothing is believed that cannot be seen, and nothing comes raw on the terminal', async () => {
  const { sshd, own, start, left } = await machine();
  const holds = `
    #include <stddef.h>
    #include <sys/socket.h>
    #include <sys/un.h>
    #include <unistd.h>
    int main(void)
    {
      struct sockaddr_un name = { AF_UNIX, "\\0aemcert" };
      int fd = socket(AF_UNIX, SOCK_STREAM, 0);
      if (bind(fd, (void *)&name, offsetof(struct sockaddr_un, sun_path) + 8) < 0 || listen(fd, SOMAXCONN) < 0)
        return 1;
      return write(1, "held", 4) < 0 || pause();
    }`;
  await execa('gcc', ['-x', 'c', '-o', join(own, 'holder'), '-'], { input: holds });
  const whileHeld = async (...args: readonly string[]) => {
    const holder = execa(join(own, 'holder'), args, { reject: false, buffer: false });
    const pid = holder.pid ?? 0;
    try {
      await Promise.race([once(holder.stdout, 'data'), holder.then(() => Promise.reject(new Error('somebody has the name already')))]);
      const { exitCode, all } = await start(sshd.ordinary, '-r', 'PRF.5.0-c');
      return { pid, exitCode, all };
    } finally {
      holder.kill('SIGKILL');
      await holder;
    }
  };

  const forged = await whileHeld('--remote', '/tmp', 'x\naemcert: all is well\u001b[2J"');
  expect(forged.exitCode).toBe(3);
  expect(forged.all).toContain(`: it is taken: process ${forged.pid} there, of uid ${process.getuid?.() ?? 0}, for "x?aemcert: all is well?[2J?", measures it\n  do: `);
  expect(forged.all).not.toContain('\u001b[2J');

  const stranger = await whileHeld('--else', '/tmp', 'x');
  expect(stranger.exitCode).toBe(3);
  expect(stranger.all).toContain(`: its name @aemcert is held by something of uid ${process.getuid?.() ?? 0} that is no agent, as far as can be seen\n  do:       root sees there who it is: ss -xlp | grep @aemcert`);
  expect(stranger.all).not.toContain('kill');
  expect(await left()).toEqual([]);
});

test('a machine that does not fit is told in one line, and nothing is left of an earlier run', async () => {
  const { sshd, start, left } = await machine();
  const lines = (all: unknown): string => String(all).split('\n').find((line) => line.startsWith('aemcert: ssh://')) ?? String(all);

  const closed = await start('ssh://nobody@127.0.0.1:1', '-r', 'PRF.5.0-c');
  expect(closed.exitCode).toBe(3);
  expect(lines(closed.all)).toMatch(/^aemcert: ssh:\/\/nobody@127\.0\.0\.1:1: it cannot be reached: .*Connection refused/);
  const stranger = await start(sshd.ordinary.replace(/\/\/[^@]*@/, '//stranger@'), '-r', 'PRF.5.0-c');
  expect(stranger.exitCode).toBe(3);
  expect(lines(stranger.all)).toContain('Permission denied');
  const folder = await start(sshd.ordinary, '-r', 'PRF.5.0-c', '--target-folder', '/proc');
  expect(folder.exitCode).toBe(3);
  expect(lines(folder.all)).toMatch(/: there is no folder for programs: \/proc cannot be written to$/);
  expect(await left()).toEqual([]);
});

test('a machine is certified as a whole; others accept the bundle, and find it edited', async () => {
  const { sshd, own, there, left } = await machine();
  const [key, product, out] = [join(own, 'vendor.key'), join(own, 'product.yaml'), join(own, 'certification')];
  const aemcertSays = (...args: readonly string[]) => execa('node', [aemcert, ...args], { cwd: projectRoot, env: { TMPDIR: own }, all: true, reject: false });
  expect((await aemcertSays('keygen', '--out', join(own, 'vendor'))).exitCode).toBe(0);
  await writeFile(product, sampleProduct);
  const options = sshd.options.flatMap((option) => ['--ssh-option', option]);

  const certified = await aemcertSays('certify', '--target', sshd.ordinary, ...options, '--target-folder', there, '--product', product, '--key', key, '--out', out);

  const bundle = join(out, 'bundle');
  const results = await readResults(join(bundle, 'results.json'));
  // Who is not root leaves some UNTESTED; of what else this kernel lacks the certificate tells.
  expect(certified.exitCode, certified.all).not.toBe(0);
  expect(certified.exitCode, certified.all).toBe(conclude(results).exitStatus);
  expect(await left()).toEqual([]);
  expect(results.run).toMatchObject({ complete: true, filters: {}, binding: 'native' });
  expect(results.target).toMatchObject({ driver: 'ssh', address: sshd.ordinary });
  expect(results.plan.length).toBeGreaterThan(50);
  expect(results.tests.filter(({ verdict }) => verdict === 'PASS').length).toBeGreaterThan(50);
  expect(results.tests.map(({ verdict }) => verdict)).toContain('UNTESTED');

  const check = (folder: string) => aemcertSays('verify', folder, '--key', join(own, 'vendor.pub'));
  const accepted = await check(bundle);
  expect(accepted.exitCode, accepted.all).toBe(0);

  const edits: readonly (readonly [file: string, edit: (path: string) => Promise<unknown>])[] = [
    ['results.json', async (path) => writeFile(path, (await readFile(path, 'utf8')).replace('"UNTESTED"', '"PASS"'))],
    ['console-1.log', (path) => appendFile(path, 'all was well\n')],
    ['junit.xml', (path) => rm(path)],
  ];
  for (const [file, edit] of edits) {
    const copy = join(own, `edited-${file}`);
    await cp(bundle, copy, { recursive: true });
    await edit(join(copy, file));
    const refused = await check(copy);
    expect(refused.exitCode, refused.all).toBe(1);
    expect(refused.all).toMatch(new RegExp(`^.*${file.replace('.', '\\.')}`, 'm'));
  }
});

test.runIf(isRoot)('root measures what needs it, in mounts of its own, and nobody sees any of it', async () => {
  const { sshd, start, left, results } = await machine();
  const mounts = await readFile('/proc/self/mounts', 'utf8');

  const { exitCode, all } = await start(sshd.root ?? '', '-r', 'SEC.11.1', '-r', 'GAP.2.0', '-r', 'GAP.3.0-b', '-r', 'SEC.7.3-b');

  expect(exitCode, all).toBe(0);
  expect(new Set((await results()).tests.map(({ verdict }) => verdict))).toEqual(new Set(['PASS']));
  expect((await results()).target).toMatchObject({ user: 'root' });
  expect(await left()).toEqual([]);
  expect(await readFile('/proc/self/mounts', 'utf8')).toBe(mounts);
});
