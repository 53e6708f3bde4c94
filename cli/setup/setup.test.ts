// SPDX-License-Identifier: GPL-2.0-only
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../lib/testing/temporary-folder.ts';
import { neededPackages, parsePackages } from './packages.ts';

const bootstrap = fileURLToPath(new URL('../bootstrap.sh', import.meta.url));

test('a list of packages: a name a line, and why', () => {
  expect(parsePackages('# head\n\ngcc   # compiles\nlibc6-dev\n')).toEqual([
    { name: 'gcc', reason: 'compiles' },
    { name: 'libc6-dev', reason: '' },
  ]);
});

test('every package that aemcert needs tells why', async () => {
  const packages = await neededPackages();

  expect(packages.length).toBeGreaterThan(10);
  expect(packages.filter(({ reason }) => reason === '')).toEqual([]);
});

/** A project with the real bootstrap.sh, on a machine whose commands are the given scripts. */
async function machine(
  commands: Readonly<Record<string, string>>,
): Promise<{ root: string; run: (...args: readonly string[]) => ReturnType<typeof start> }> {
  const root = await temporaryFolder();
  const bin = join(root, 'bin');
  await mkdir(bin);
  await mkdir(join(root, 'cli/setup'), { recursive: true });
  await writeFile(join(root, 'cli/bootstrap.sh'), await readFile(bootstrap));
  await writeFile(join(root, 'cli/setup/debian-packages.txt'), 'gcc # compiles\nflex # parses\n');
  await writeFile(join(root, 'package-lock.json'), '{}');
  for (const tool of ['sh', 'dirname', 'sed', 'cat', 'sha256sum', 'find'])
    await symlink(`/usr/bin/${tool}`, join(bin, tool));
  const defaults = {
    node: '[ "$1" = --version ] && echo v20.20.2 || echo "ran $*"',
    id: 'echo 1000',
    'dpkg-query': 'echo installed',
    'apt-get': `echo "$*" >>${root}/apt-get.log`,
    npm: `echo "$*" >>${root}/npm.log; /bin/mkdir -p ${root}/node_modules`,
  };
  for (const [name, script] of Object.entries({ ...defaults, ...commands })) {
    await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(bin, name), 0o755);
  }
  return { root, run: (...args) => start(root, bin, args.length > 0 ? args : ['run', '--fast']) };
}

async function start(
  root: string,
  bin: string,
  args: readonly string[],
): Promise<{ status: number | undefined; stdout: string; stderr: string }> {
  const { exitCode, stdout, stderr } = await execa(
    '/bin/sh',
    [join(root, 'cli/bootstrap.sh'), ...args],
    {
      env: { PATH: bin },
      extendEnv: false,
      reject: false,
    },
  );
  return { status: exitCode, stdout, stderr };
}

describe('bootstrap.sh', () => {
  test('installs the npm packages once, then only starts aemcert', async () => {
    const { root, run } = await machine({});

    const first = await run();
    const second = await run();

    expect(first.stdout).toBe(`ran ${root}/cli/aemcert.js run --fast`);
    expect(second).toMatchObject({ status: 0, stdout: first.stdout, stderr: '' });
    expect(await readFile(join(root, 'npm.log'), 'utf8')).toBe(
      'ci --include=dev --no-audit --no-fund --loglevel=error\n',
    );
  });

  test('installs the npm packages again when the lock file has changed', async () => {
    const { root, run } = await machine({});
    await run();

    await writeFile(join(root, 'package-lock.json'), '{ }');
    await run();

    expect((await readFile(join(root, 'npm.log'), 'utf8')).split('\n')).toHaveLength(3);
  });

  test.each(['v18.19.0', 'v20.18.9'])('Node.js %s is too old', async (version) => {
    const { run } = await machine({ node: `echo ${version}` });

    expect(await run()).toMatchObject({ status: 3, stderr: expect.stringContaining('20.19 or later') });
  });

  test('without Node.js it says so', async () => {
    const { root, run } = await machine({});
    await chmod(join(root, 'bin/node'), 0o644);

    expect(await run()).toMatchObject({ status: 3, stderr: expect.stringContaining('Node.js is missing') });
  });

  const onlyGcc = 'for last; do :; done; [ "$last" = gcc ] && echo installed';

  test('a user is told the command that installs what is missing', async () => {
    const { run } = await machine({ 'dpkg-query': onlyGcc });

    const { status, stdout, stderr } = await run();

    expect(status).toBe(3);
    expect(stdout).toBe('');
    expect(stderr).toContain('sudo apt-get install --no-install-recommends flex\n'.trim());
    expect(stderr).not.toContain('gcc');
  });

  test('root gets it installed', async () => {
    const { root, run } = await machine({ 'dpkg-query': onlyGcc, id: 'echo 0' });

    expect((await run()).status).toBe(0);

    const [update, install] = (await readFile(join(root, 'apt-get.log'), 'utf8')).split('\n');
    expect(update).toMatch(/ update$/);
    expect(install).toMatch(/ install -y --no-install-recommends flex$/);
  });

  const noSource = 'for last; do :; done; case $last in linux-source-*) ;; *) echo installed ;; esac';

  test.each([
    ['run', '--kernel-version', '6.1'],
    ['run', '--kernel-version=6.1', '--bail'],
  ])('the source of another kernel is installed when that is asked for: %s %s', async (...args) => {
    const { root, run } = await machine({ 'dpkg-query': noSource });
    await mkdir(join(root, 'kernel/patches/6.1'), { recursive: true });

    const { status, stderr } = await run(...args);

    expect(status).toBe(3);
    expect(stderr).toContain('sudo apt-get install --no-install-recommends linux-source-6.1');
    expect((await run('run', '--fast')).status).toBe(0);
    expect((await run(...args, '--source', 'linux')).status).toBe(0);
  });

  test('a failing apt-get or npm is told, and aemcert is not started', async () => {
    const apt = await machine({ 'dpkg-query': onlyGcc, id: 'echo 0', 'apt-get': 'exit 100' });
    const npm = await machine({ npm: 'exit 1' });

    expect(await apt.run()).toMatchObject({
      status: 3,
      stdout: '',
      stderr: expect.stringContaining('apt-get update failed'),
    });
    expect(await npm.run()).toMatchObject({
      status: 3,
      stdout: '',
      stderr: expect.stringContaining('npm ci failed'),
    });
  });
});
