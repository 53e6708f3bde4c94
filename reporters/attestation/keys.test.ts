// SPDX-License-Identifier: GPL-2.0-only
import { execFileSync, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectRoot } from '../../lib/paths.ts';
import { temporaryFolder } from '../../lib/testing/temporary-folder.ts';
import { generateKeys, readPublicKey, readSigningKey } from './keys.ts';

test('a pair is two PEM files that belong to each other; the private one is its owner’s alone', async () => {
  const folder = join(await temporaryFolder(), 'keys');
  const [secret, open] = [join(folder, 'a.key'), join(folder, 'a.pub')];

  const made = await generateKeys(secret, open);

  expect((await stat(secret)).mode & 0o777).toBe(0o600);
  const [pair, publicKey] = [await readSigningKey(secret), await readPublicKey(open)];
  expect(pair.publicKey.id).toBe(made.id);
  expect(publicKey).toMatchObject({ id: made.id, pem: pair.publicKey.pem });
  // OpenSSL derives the same public key.
  expect(execFileSync('openssl', ['pkey', '-in', secret, '-pubout'], { encoding: 'utf8' })).toBe(await readFile(open, 'utf8'));
});

test.each(['a.key', 'a.pub'])('%s that is there is not overwritten, and nothing else is left', async (name) => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, name), 'mine');

  const making = generateKeys(join(folder, 'a.key'), join(folder, 'a.pub'));

  await expect(making).rejects.toMatchObject({ exitStatus: 2, details: { where: join(folder, name) } });
  expect(await readdir(folder)).toEqual([name]);
  expect(await readFile(join(folder, name), 'utf8')).toBe('mine');
});

test('what is no key for this is refused by its name', async () => {
  const folder = await temporaryFolder();
  const put = async (text: string): Promise<string> => {
    await writeFile(join(folder, 'key'), text);
    return join(folder, 'key');
  };
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pair = generateKeyPairSync('ed25519');
  const secret = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const locked = pair.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }).toString();

  await expect(readSigningKey(join(folder, 'none'))).rejects.toThrow('there is no such private key');
  await expect(readSigningKey(await put('words'))).rejects.toThrow('this is no private key');
  await expect(readSigningKey(await put(locked))).rejects.toThrow('the key has a passphrase');
  await expect(readSigningKey(await put(rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()))).rejects.toMatchObject({
    details: { seen: 'rsa' },
  });
  await expect(readPublicKey(await put(secret))).rejects.toThrow('this is a private key');
  await expect(readPublicKey(await put(''))).rejects.toThrow('this is no public key');
});

test('a key for which there is no room leaves no half of it in the way', async () => {
  const folder = await temporaryFolder();
  const cli = join(projectRoot, 'cli/aemcert.js');
  // It keeps what it is put together from, which is a file, too.
  execFileSync('node', [cli, 'keygen', '--help']);

  const { status, stderr } = spawnSync('sh', ['-c', 'ulimit -f 0; exec node "$0" keygen --out "$1"', cli, join(folder, 'a')], { encoding: 'utf8' });

  expect({ status, stderr }).toMatchObject({ status: 3, stderr: expect.stringContaining('the key cannot be written') as string });
  expect(await readdir(folder)).toEqual([]);
}, 60_000);
