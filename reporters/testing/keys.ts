// SPDX-License-Identifier: GPL-2.0-only
import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import type { SigningKey } from '../attestation/keys.ts';

/** PKCS #8 of an Ed25519 key, up to the 32 bytes that are the key. */
const prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The same key pair each time for a seed: for tests alone. */
export function sampleKey(seed = 1): SigningKey {
  const privateKey = createPrivateKey({ key: Buffer.concat([prefix, Buffer.alloc(32, seed)]), format: 'der', type: 'pkcs8' });
  const key = createPublicKey(privateKey);
  const id = createHash('sha256').update(key.export({ type: 'spki', format: 'der' })).digest('hex');
  return { privateKey, publicKey: { key, id, pem: key.export({ type: 'spki', format: 'pem' }).toString() } };
}
