// SPDX-License-Identifier: GPL-2.0-only
/** DSSE, the Dead Simple Signing Envelope, version 1.0 (github.com/secure-systems-lab/dsse). */
import { sign, verify } from 'node:crypto';
import { InputError } from '../../lib/errors.ts';
import type { PublicKey, SigningKey } from './keys.ts';

/** Of a payload that is an in-toto Statement. */
export const inTotoType = 'application/vnd.in-toto+json';

export interface Envelope {
  readonly payloadType: string;
  /** Base64. */
  readonly payload: string;
  readonly signatures: readonly { readonly keyid: string; /** Base64. */ readonly sig: string }[];
}

/** What is signed: type and body, each with its length in bytes, so that neither can be taken for the other. */
export function preAuthenticationEncoding(type: string, body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${body.length} `), body]);
}

/** Signs a body. Ed25519 is deterministic: the same body and key give the same envelope. */
export function seal(body: Uint8Array, { privateKey, publicKey }: SigningKey): Envelope {
  const sig = sign(null, preAuthenticationEncoding(inTotoType, body), privateKey).toString('base64');
  return {
    payloadType: inTotoType,
    payload: Buffer.from(body).toString('base64'),
    signatures: [{ keyid: publicKey.id, sig }],
  };
}

/** An envelope as a file holds it. */
export function formatEnvelope(envelope: Envelope): string {
  return `${JSON.stringify(envelope, null, 1)}\n`;
}

/**
 * Parses an envelope as seal() and formatEnvelope() make it; of one by another hand nothing but its layout is
 * refused that a signature would not cover. `where` names it in errors.
 * @throws InputError when it is none
 */
export function parseEnvelope(text: string, where: string): Envelope {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new InputError('the envelope is not JSON', { where, cause });
  }
  if (!isEnvelope(value)) {
    throw new InputError('this is no DSSE envelope', { where, expected: 'payloadType, payload and one or more signatures' });
  }
  if (value.payloadType !== inTotoType) {
    throw new InputError('the envelope holds something else', { where, expected: inTotoType, seen: value.payloadType });
  }
  return value;
}

function isEnvelope(value: unknown): value is Envelope {
  if (typeof value !== 'object' || value === null) return false;
  const { payloadType, payload, signatures } = value as Record<string, unknown>;
  return (
    typeof payloadType === 'string' &&
    typeof payload === 'string' &&
    Array.isArray(signatures) &&
    signatures.length > 0 &&
    signatures.every((one: unknown) => {
      if (typeof one !== 'object' || one === null) return false;
      const { keyid, sig } = one as Record<string, unknown>;
      return typeof keyid === 'string' && typeof sig === 'string';
    })
  );
}

/** The bytes that were signed. */
export function payloadOf({ payload }: Envelope): Buffer {
  return Buffer.from(payload, 'base64');
}

/** Did this key make one of the signatures? The key's name in the envelope counts for nothing: it is not signed. */
export function isSignedBy(envelope: Envelope, key: PublicKey): boolean {
  return signatureBy(envelope, key) !== undefined;
}

/**
 * The one envelope that seal() makes of this payload with this key, or undefined when the key has not signed it.
 * Whatever an envelope has beside that, such as unknown members, another signature or another name of the key, no
 * signature covers.
 */
export function asSealed(envelope: Envelope, key: PublicKey): Envelope | undefined {
  const sig = signatureBy(envelope, key)?.toString('base64');
  if (sig === undefined) return undefined;
  return { payloadType: inTotoType, payload: payloadOf(envelope).toString('base64'), signatures: [{ keyid: key.id, sig }] };
}

function signatureBy(envelope: Envelope, { key }: PublicKey): Buffer | undefined {
  const signed = preAuthenticationEncoding(envelope.payloadType, payloadOf(envelope));
  return envelope.signatures.map(({ sig }) => Buffer.from(sig, 'base64')).find((sig) => verify(null, signed, key, sig));
}
