// SPDX-License-Identifier: GPL-2.0-only
/** What is known of a machine that somebody runs: what its kernel is, and what may be done there. */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { AgentClient } from '../agent/client.ts';
import type { Hello, RemoteHello } from '../agent/protocol.ts';

/** What may be done on a machine, and what not. */
export interface MachineFacts {
  /** Why what is root's alone cannot be done; absent where it can. */
  readonly notRoot?: string;
  /** Of those that tests make use of: what root cannot do there, as in a container. */
  readonly missingCapabilities: readonly Capability[];
  /** Why tests cannot mount anything out of everybody's sight; absent where they can. */
  readonly noMounts?: string;
  /** The modules of AEM are loaded. */
  readonly aem: boolean;
  /** Its modules are where AEM's own suites load them from. */
  readonly aemFiles: boolean;
  /** The users of the tests, and who stands for them there: nobody else is that. */
  readonly uids: Readonly<Record<number, number>>;
}

/** What is known of the kernel that runs there. */
export interface KernelFacts {
  readonly release: string;
  /** /proc/version */
  readonly version: string;
  /** GNU build id of the running kernel, hexadecimal; absent where it does not tell. */
  readonly buildId?: string;
  /** Text of its configuration; absent where it cannot be read. */
  readonly config?: string;
  /** SHA-256 of /boot/vmlinuz-RELEASE; absent where it cannot be read. */
  readonly image?: string;
  /** Those of AEM that are loaded, with the digest of the file that modinfo names. */
  readonly modules: readonly { readonly name: string; readonly sha256?: string }[];
}

/** Users of the tests: see initramfs.ts. */
const users = [1001, 1002] as const;
/** From here on users are looked for that nobody is. */
const freeFrom = 61_001;

/** By their numbers in capability.h. */
const capabilities = { CAP_SETGID: 6, CAP_SETUID: 7, CAP_NET_ADMIN: 12, CAP_SYS_ADMIN: 21 } as const;
export type Capability = keyof typeof capabilities;

type Remote = Hello & { readonly remote: RemoteHello };

export async function machineFacts(client: AgentClient, { remote }: Remote): Promise<MachineFacts> {
  const modules = await text(client, '/proc/modules');
  return {
    ...(remote.uid === 0 ? {} : { notRoot: `it runs as uid ${remote.uid}` }),
    missingCapabilities: await missingCapabilities(client),
    ...(remote.noMounts === null ? {} : { noMounts: remote.noMounts }),
    aem: /^aem_core /m.test(modules ?? ''),
    aemFiles: (await text(client, '/lib/aem/modules.load')) !== undefined,
    uids: await freeUids(client),
  };
}

async function missingCapabilities(client: AgentClient): Promise<readonly Capability[]> {
  const [, word = '0'] = /^CapEff:\s*([0-9a-f]+)/m.exec((await shell(client, 'cat /proc/self/status')) ?? '') ?? [];
  const names = Object.keys(capabilities) as readonly Capability[];
  return names.filter((name) => ((BigInt(`0x${word}`) >> BigInt(capabilities[name])) & 1n) === 0n);
}

/** Limits of a user count all that the user does: the tests' are to be nobody's. */
async function freeUids(client: AgentClient): Promise<Readonly<Record<number, number>>> {
  const named = (await shell(client, 'getent passwd 2>/dev/null || cat /etc/passwd')) ?? '';
  const running = (await shell(client, 'stat -c %u /proc/[0-9]* 2>/dev/null | sort -u')) ?? '';
  const taken = new Set([...named.split('\n').map((line) => line.split(':')[2]), ...running.split('\n')].map(Number));
  // Those of the guest's own /etc/passwd are the tests' users themselves.
  const own = /^alice:x:1001:/m.test(named) && /^bob:x:1002:/m.test(named);
  let next = freeFrom;
  return Object.fromEntries(
    users.map((uid) => {
      if (own || !taken.has(uid)) return [uid, uid] as const;
      while (taken.has(next)) next++;
      return [uid, next++] as const;
    }),
  );
}

export async function kernelFacts(client: AgentClient, { release }: Remote): Promise<KernelFacts> {
  const notes = await client.readFile('/sys/kernel/notes').catch(() => undefined);
  const buildId = notes === undefined ? undefined : buildIdIn(Buffer.from(notes));
  const config = await configOf(client, release);
  const image = await sha256(client, `/boot/vmlinuz-${release}`);
  const loaded = [...((await text(client, '/proc/modules')) ?? '').matchAll(/^(aem_\w+) /gm)].map(([, name = '']) => name).sort();
  return {
    release,
    version: ((await text(client, '/proc/version')) ?? '').trim(),
    ...(buildId === undefined ? {} : { buildId }),
    ...(config === undefined ? {} : { config }),
    ...(image === undefined ? {} : { image }),
    modules: await Promise.all(
      loaded.map(async (name) => {
        const path = (await shell(client, `modinfo -n ${name} 2>/dev/null`))?.trim() ?? '';
        const digest = path.endsWith('.ko') ? await sha256(client, path) : undefined;
        return { name: name.replaceAll('_', '-'), ...(digest === undefined ? {} : { sha256: digest }) };
      }),
    ),
  };
}

/** As the kernel has it, or as the distribution has laid it down. */
async function configOf(client: AgentClient, release: string): Promise<string | undefined> {
  const packed = await client.readFile('/proc/config.gz').catch(() => undefined);
  if (packed !== undefined) return (await promisify(gunzip)(packed)).toString('utf8');
  return text(client, `/boot/config-${release}`);
}

/** In ELF notes: name size, description size, type 3, "GNU", the id. */
export function buildIdIn(notes: Buffer): string | undefined {
  const round = (size: number): number => (size + 3) & ~3;
  for (let at = 0; at + 12 <= notes.length; ) {
    const [names, length, type] = [notes.readUInt32LE(at), notes.readUInt32LE(at + 4), notes.readUInt32LE(at + 8)];
    const begin = at + 12 + round(names);
    const name = notes.toString('latin1', at + 12, at + 12 + names);
    if (type === 3 && name === 'GNU\0' && length > 0) return notes.toString('hex', begin, begin + length);
    at = begin + round(length);
  }
  return undefined;
}

async function sha256(client: AgentClient, path: string): Promise<string | undefined> {
  const told = await shell(client, `sha256sum ${path} 2>/dev/null`);
  return /^[0-9a-f]{64}/.exec(told ?? '')?.[0];
}

async function text(client: AgentClient, path: string): Promise<string | undefined> {
  return client.readFile(path).then((data) => Buffer.from(data).toString('utf8'), () => undefined);
}

async function shell(client: AgentClient, command: string): Promise<string | undefined> {
  const { status, stdout } = await client.exec(['sh', '-c', command], { env: { PATH: systemPath } });
  return status === 0 ? stdout : undefined;
}

/** Where the machine has its programs. */
export const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
