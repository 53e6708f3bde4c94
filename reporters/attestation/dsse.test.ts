// SPDX-License-Identifier: GPL-2.0-only
import { generateKeyPairSync } from 'node:crypto';
import { envelopeFromJSON } from '@sigstore/bundle';
import { dsse } from '@sigstore/core';
import { expect, test } from 'vitest';
import { formatEnvelope, inTotoType, isSignedBy, parseEnvelope, payloadOf, preAuthenticationEncoding, seal } from './dsse.ts';
import { sampleKey } from '../testing/keys.ts';
import { verifiedBySigstore } from '../testing/sigstore.ts';

const body = Buffer.from('{"_type":"https://in-toto.io/Statement/v1","ü":"☃"}\n');

test('the pre-authentication encoding is the specification’s own example, and the other library’s', () => {
  expect(preAuthenticationEncoding('http://example.com/HelloWorld', Buffer.from('hello world')).toString()).toBe(
    'DSSEv1 29 http://example.com/HelloWorld 11 hello world',
  );
  for (const type of [inTotoType, '', 'text/ü']) {
    expect(preAuthenticationEncoding(type, body)).toEqual(dsse.preAuthEncoding(type, body));
  }
});

test('an envelope is the same each time, and verifies here and with sigstore’s library', () => {
  const key = sampleKey();

  const text = formatEnvelope(seal(body, key));

  expect(formatEnvelope(seal(body, key))).toBe(text);
  const envelope = parseEnvelope(text, 'it');
  expect(payloadOf(envelope)).toEqual(body);
  expect(isSignedBy(envelope, key.publicKey)).toBe(true);
  expect(envelopeFromJSON(JSON.parse(text)).payload).toEqual(body);
  expect(verifiedBySigstore(text, key.publicKey)).toBe(true);
});

test('another key, another body, another type: no library takes it', () => {
  const key = sampleKey();
  const envelope = seal(body, key);
  const other = generateKeyPairSync('ed25519').publicKey;
  const otherKey = { ...key.publicKey, key: other };
  const edited = { ...envelope, payload: Buffer.from(`${body.toString()} `).toString('base64') };
  const retyped = { ...envelope, payloadType: 'text/plain' };
  const unsigned = { ...envelope, signatures: [{ keyid: key.publicKey.id, sig: '' }] };

  for (const [bad, by] of [[envelope, otherKey], [edited, key.publicKey], [retyped, key.publicKey], [unsigned, key.publicKey]] as const) {
    expect(isSignedBy(bad, by)).toBe(false);
    expect(verifiedBySigstore(formatEnvelope(bad), by)).toBe(false);
  }
});

test.each([
  ['{', 'not JSON'],
  ['[]', 'no DSSE envelope'],
  ['null', 'no DSSE envelope'],
  ['{"payloadType":"a","payload":"","signatures":[]}', 'no DSSE envelope'],
  ['{"payloadType":"a","payload":"","signatures":[{"sig":1,"keyid":""}]}', 'no DSSE envelope'],
  ['{"payloadType":"text/plain","payload":"","signatures":[{"sig":"","keyid":""}]}', 'something else'],
])('%s is refused', (text, words) => {
  expect(() => parseEnvelope(text, 'file')).toThrow(words);
});
