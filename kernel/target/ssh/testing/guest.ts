// SPDX-License-Identifier: GPL-2.0-only
/** A guest with an ssh server, dropbear behind a virtio port: it takes no network. The guest's own agent stays beside it, to look at what is left. */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { execa } from 'execa';
import { onTestFinished } from 'vitest';
import { temporaryFolder } from '../../../../lib/testing/temporary-folder.ts';
import type { BootableKernel, GuestBuild } from '../../../build/artifacts.ts';
import { bootQemu } from '../../qemu/boot.ts';
import type { Target } from '../../target.ts';

export interface SshGuest {
  readonly address: string;
  /** For --ssh-option. */
  readonly options: readonly string[];
  /** The guest as it is seen from inside, without ssh. */
  readonly inside: Target;
}

const dropbear = '/usr/sbin/dropbear';
const there = '/root/server';

/** Ends with the test that has booted it. */
export async function bootSshGuest(kernel: BootableKernel, guest: GuestBuild): Promise<SshGuest> {
  const folder = await temporaryFolder();
  const at = (name: string): string => join(folder, name);
  const inside = await bootQemu({ kernel, guest, boot: 1, otherSocket: at('port') });
  onTestFinished(() => inside.close());
  await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at('user')]);
  const { stdout: host } = await execa('dropbearkey', ['-t', 'ed25519', '-f', at('host')]);
  await execa('sh', ['-c', 'umask 077; printf "guest %s\\n" "$1" > "$2"', 'sh', /ssh-ed25519 \S+/.exec(host)?.[0] ?? '', at('known')]);

  const { stdout: needed } = await execa('ldd', [dropbear]);
  const libraries = [...needed.matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => path);
  await inside.exec(['sh', '-c', `mkdir -p ${there} /root/.ssh; chmod 700 /root /root/.ssh`]);
  for (const path of [dropbear, ...libraries]) await inside.writeFile(join(there, basename(path)), await readFile(path), 0o755);
  await inside.writeFile(join(there, 'host'), await readFile(at('host')), 0o600);
  await inside.writeFile('/root/.ssh/authorized_keys', await readFile(at('user.pub')), 0o600);
  const loader = libraries.find((path) => basename(path).startsWith('ld-')) ?? '';
  // In the guest's own loopback: it wants a socket.
  await inside.spawn([join(there, basename(loader)), '--library-path', there, join(there, 'dropbear'), '-F', '-s', '-p', '127.0.0.1:22', '-r', join(there, 'host')]);
  const port = 'for p in /sys/class/virtio-ports/*; do grep -qx aemcert.other $p/name && port=/dev/${p##*/}; done';
  // One connection after the other: it begins with what the client says first, for before it comes the port only tells of an end.
  const one = 'until read -r first <&3; do sleep 0.2; done; { printf "%s\\n" "$first"; cat <&3; } | nc 127.0.0.1 22 >&3';
  await inside.spawn(['sh', '-c', `${port}; exec 3<>$port; while :; do ${one}; done`]);

  const through = `${process.execPath} -e "const s=require('net').connect('${at('port')}');s.on('close',()=>process.exit());s.on('error',()=>process.exit(1));process.stdin.pipe(s);s.pipe(process.stdout)"`;
  return {
    address: 'ssh://root@guest',
    options: [`ProxyCommand=${through}`, `IdentityFile=${at('user')}`, 'IdentitiesOnly=yes', `UserKnownHostsFile=${at('known')}`, 'GlobalKnownHostsFile=/dev/null', 'ConnectTimeout=120'],
    inside,
  };
}
