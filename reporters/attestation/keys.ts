// SPDX-License-Identifier: GPL-2.0-only
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { open, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { InfrastructureError, InputError } from '../../lib/errors.ts';
import { makeFolder } from '../../lib/make-folder.ts';

/** An Ed25519 public key, and the name by which an envelope calls it. */
export interface PublicKey {
  readonly key: KeyObject;
  /** sha256 of its DER (SPKI), in hex. */
  readonly id: string;
  /** As a PEM file holds it. */
  readonly pem: string;
}

/** An Ed25519 key pair. */
export interface SigningKey {
  readonly privateKey: KeyObject;
  readonly publicKey: PublicKey;
}

/**
 * Makes a key pair: two PEM files, PKCS #8 for the owner alone (mode 0600), and SPKI for everybody. Returns the
 * public key.
 * @throws InputError when one of the files is there already: a lost key cannot be made again
 */
export async function generateKeys(privatePath: string, publicPath: string): Promise<PublicKey> {
  const pair = generateKeyPairSync('ed25519');
  await create(privatePath, pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), 0o600);
  const publicKey = describeKey(pair.publicKey);
  try {
    await create(publicPath, publicKey.pem, 0o644);
  } catch (error) {
    // Half a pair is of no use, and would be in the way of the next attempt.
    await rm(privatePath, { force: true });
    throw error;
  }
  return publicKey;
}

async function create(path: string, text: string, mode: number): Promise<void> {
  try {
    await makeFolder(dirname(path));
    const file = await open(path, 'wx', mode);
    try {
      await file.writeFile(text);
      await file.sync();
    } catch (error) {
      // Half a key would be in the way of the next attempt; it is ours, since `wx` made it.
      await rm(path, { force: true });
      throw error;
    } finally {
      await file.close();
    }
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'EEXIST') {
      throw new InputError('there is such a file already, and a key is never overwritten', {
        where: path,
        hint: 'name another with --out NAME, or move this one away',
        cause,
      });
    }
    throw new InfrastructureError('the key cannot be written', { where: path, seen: message, cause });
  }
}

/** Reads a private key. @throws InputError when the file is not there, or holds no Ed25519 key without a passphrase */
export async function readSigningKey(path: string): Promise<SigningKey> {
  const privateKey = parse(path, await read(path, 'private'), createPrivateKey, 'private');
  return { privateKey, publicKey: describeKey(createPublicKey(privateKey)) };
}

/** Reads a public key. @throws InputError when the file is not there, or holds no Ed25519 public key */
export async function readPublicKey(path: string): Promise<PublicKey> {
  return parsePublicKey(await read(path, 'public'), path);
}

/** As readPublicKey(), for a text at hand; `where` names it in errors. */
export function parsePublicKey(pem: string, where: string): PublicKey {
  // createPublicKey() would derive one from a private key, which nobody means to hand out.
  if (pem.includes('PRIVATE KEY')) {
    throw new InputError('this is a private key', { where, expected: 'the public one, NAME.pub' });
  }
  return describeKey(parse(where, pem, createPublicKey, 'public'));
}

async function read(path: string, kind: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const { code = String(cause) } = cause as NodeJS.ErrnoException;
    throw new InputError(code === 'ENOENT' ? `there is no such ${kind} key` : `the ${kind} key cannot be read (${code})`, {
      where: path,
      hint: 'make a pair with `aemcert keygen`',
      cause,
    });
  }
}

function parse(where: string, pem: string, make: (pem: string) => KeyObject, kind: string): KeyObject {
  const expected = `an Ed25519 ${kind} key in PEM`;
  let key: KeyObject;
  try {
    key = make(pem);
  } catch (cause) {
    const encrypted = pem.includes('ENCRYPTED');
    throw new InputError(encrypted ? 'the key has a passphrase' : `this is no ${kind} key`, {
      where,
      expected: encrypted ? `${expected}, without a passphrase` : expected,
      cause,
    });
  }
  if (key.asymmetricKeyType !== 'ed25519') {
    throw new InputError('the key is of another kind', { where, expected, seen: key.asymmetricKeyType ?? 'none' });
  }
  return key;
}

function describeKey(key: KeyObject): PublicKey {
  const der = key.export({ type: 'spki', format: 'der' });
  return {
    key,
    id: createHash('sha256').update(der).digest('hex'),
    pem: key.export({ type: 'spki', format: 'pem' }).toString(),
  };
}
