// SPDX-License-Identifier: GPL-2.0-only
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../../lib/testing/temporary-folder.ts';
import { landingCommand, ownMachine, unfit } from './script.ts';

/** Stands for the agent: it says with what it was run, and where. */
const agent = '#!/bin/sh\necho "$1 ${2%/*} $3 $(cat)"\n';
const run = "o'neill@host, process 1";

const machine = execFileSync('uname', ['-m'], { encoding: 'utf8' }).trim();

async function land(how: { readonly size?: number; readonly machine?: string; readonly folder?: string; readonly tmp?: string; readonly shell?: string }, input = `${agent}after it`) {
  const { tmp = '/nowhere', shell = 'sh', ...rest } = how;
  return execa(shell, ['-c', landingCommand({ size: agent.length, machine, run, ...rest })], { input, env: { TMPDIR: tmp, HOME: '/nowhere' }, reject: false });
}

test('programs are built for what uname says', () => {
  expect(ownMachine()).toBe(machine);
});

test.each(['sh', 'bash'])('under %s the agent runs in a folder of its own, on what comes after it, and nothing stays', async (shell) => {
  const tmp = await temporaryFolder();

  const { stdout, stderr, exitCode } = await land({ tmp, shell });

  expect({ stdout, stderr, exitCode }).toEqual({ stdout: `--remote ${tmp} ${run} after it`, stderr: '', exitCode: 0 });
  expect(await readdir(tmp)).toEqual([]);
});

test('a folder that is asked for is the only one', async () => {
  const [tmp, asked] = [await temporaryFolder(), join(await temporaryFolder(), "a 'folder'")];
  await mkdir(asked);

  expect((await land({ tmp, folder: asked })).stdout).toBe(`--remote ${asked} ${run} after it`);
  expect(await land({ tmp, folder: '/nowhere' })).toMatchObject({ exitCode: unfit.folder, stderr: 'aemcert: there is no folder for programs: /nowhere cannot be written to' });
});

test('another machine than the programs are for is told', async () => {
  expect(await land({ machine: 'riscv64' })).toMatchObject({
    exitCode: unfit.machine,
    stderr: `aemcert: the machine is ${machine}, and the programs that are to run there are for riscv64`,
  });
});

test('an agent that does not come whole is not run, and its folder goes', async () => {
  const tmp = await temporaryFolder();

  const { exitCode, stderr } = await land({ tmp, size: 10_000 });

  expect(exitCode).toBe(unfit.upload);
  expect(stderr).toMatch(/^aemcert: the agent did not come through whole into /);
  expect(await readdir(tmp)).toEqual([]);
});

test('one that cannot be run leaves no folder either', async () => {
  const tmp = await temporaryFolder();

  expect((await land({ tmp, size: 4 }, 'junk')).exitCode).not.toBe(0);
  expect(await readdir(tmp)).toEqual([]);
});

test('where no program may run, the next folder is taken', async () => {
  // As on a noexec mount: what is written there does not run.
  const tmp = await temporaryFolder();
  const bin = await temporaryFolder();
  await writeFile(join(bin, 'chmod'), `#!/bin/sh\ncase $2 in ${tmp}/*) exit 1;; esac\nexec /bin/chmod "$@"\n`, { mode: 0o755 });
  const home = await temporaryFolder();
  const command = landingCommand({ size: agent.length, machine, run }).replace('/tmp /var/tmp', '');
  const env = { TMPDIR: tmp, HOME: home, PATH: `${bin}:${process.env['PATH'] ?? ''}` };

  const { stdout } = await execa('sh', ['-c', command], { input: agent, env });

  expect(stdout).toBe(`--remote ${home} ${run} `);
  expect([await readdir(tmp), await readdir(home)]).toEqual([[], []]);
});
