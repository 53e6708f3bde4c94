// SPDX-License-Identifier: GPL-2.0-only
/** A real sshd on loopback, with keys, users and a port of its own: nothing of the system's is touched. */
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { onTestFinished } from 'vitest';
import { InfrastructureError } from '../../../../lib/errors.ts';
import { temporaryFolder } from '../../../../lib/testing/temporary-folder.ts';

export interface Sshd {
  /** ssh://USER@127.0.0.1:PORT of somebody who is not root; where these tests do not run as root, of who runs them. */
  readonly ordinary: string;
  /** Of root; undefined where these tests do not run as root. */
  readonly root: string | undefined;
  /** For --ssh-option. */
  readonly options: readonly string[];
  /** What the server has logged. */
  log(): Promise<string>;
}

const tester = { name: 'aemcert-tester', uid: 64_001 } as const;

/** Ends with the test that has started it. `filter`: a shell's command through which all goes that programs there say. */
export async function startSshd({ filter }: { readonly filter?: string } = {}): Promise<Sshd> {
  const folder = await temporaryFolder();
  // The user whom it lets in reads the keys.
  await chmod(folder, 0o755);
  const at = (name: string): string => join(folder, name);
  for (const key of ['host', 'user']) await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(key)]);
  await writeFile(at('authorized'), await readFile(at('user.pub')), { mode: 0o644 });
  const port = await freePort();
  await writeFile(at('known'), `[127.0.0.1]:${port} ${await readFile(at('host.pub'), 'utf8')}`);
  await writeFile(
    at('config'),
    [
      'ListenAddress 127.0.0.1', `Port ${port}`, `HostKey ${at('host')}`, `AuthorizedKeysFile ${at('authorized')}`, 'PidFile none', 'StrictModes no',
      'UsePAM no', 'PasswordAuthentication no', 'KbdInteractiveAuthentication no', 'PermitRootLogin prohibit-password', 'LogLevel VERBOSE',
      ...(filter === undefined ? [] : [`ForceCommand sh -c "$SSH_ORIGINAL_COMMAND" | { ${filter}; }`]), '',
    ].join('\n'),
  );
  const isRoot = process.getuid?.() === 0;
  const sshd = ['/usr/sbin/sshd', '-D', '-f', at('config'), '-E', at('log')];
  await writeFile(at('passwd'), `${await readFile('/etc/passwd', 'utf8')}${tester.name}:x:${tester.uid}:${tester.uid}::/tmp:/bin/sh\n`);
  // In mounts of its own there is a user more, and the folder that Debian's sshd wants.
  const own = `mount --bind ${at('passwd')} /etc/passwd && mount -t tmpfs none /run && mkdir /run/sshd && exec "$@"`;
  const argv: readonly string[] = isRoot ? ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', own, 'sh', ...sshd] : sshd;
  const [file = '', ...args] = argv;
  const server = execa('setpriv', ['--pdeathsig', 'KILL', file, ...args], { reject: false, all: true });
  onTestFinished(async () => {
    server.kill('SIGKILL');
    await server;
  });
  await Promise.race([
    listening(port),
    server.then(async ({ all }) => {
      throw new InfrastructureError('sshd has ended', { seen: `${all}${await readFile(at('log'), 'utf8').catch(() => '')}`, hint: 'apt-get install openssh-server' });
    }),
  ]);
  const address = (user: string): string => `ssh://${user}@127.0.0.1:${port}`;
  return {
    ordinary: address(isRoot ? tester.name : userInfo().username),
    root: isRoot ? address('root') : undefined,
    options: [`IdentityFile=${at('user')}`, 'IdentitiesOnly=yes', `UserKnownHostsFile=${at('known')}`, 'GlobalKnownHostsFile=/dev/null'],
    log: () => readFile(at('log'), 'utf8'),
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

async function listening(port: number): Promise<void> {
  for (let up = false; !up; ) {
    up = await new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true));
      socket.once('error', () => resolve(false)).once('connect', () => socket.destroy());
    });
    if (!up) await new Promise((resolve) => void setTimeout(resolve, 20));
  }
}
