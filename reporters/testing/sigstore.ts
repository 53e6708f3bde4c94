// SPDX-License-Identifier: GPL-2.0-only
import { ValidationError, bundleFromJSON } from '@sigstore/bundle';
import { Verifier, VerificationError, toSignedEntity, toTrustMaterial } from '@sigstore/verify';
import type { PublicKey } from '../attestation/keys.ts';

/**
 * Does sigstore's verifier, which is not ours, take the envelope for one that this key signed? It is asked as for
 * a key that somebody vouches for: no certificate, no transparency log.
 */
export function verifiedBySigstore(envelope: string, { key, id }: PublicKey): boolean {
  const trusted = toTrustMaterial(
    { certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] } as never,
    () => ({ publicKey: key, validFor: () => true }),
  );
  const verifier = new Verifier(trusted, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 });
  try {
    const bundle = bundleFromJSON({
      mediaType: 'application/vnd.dev.sigstore.bundle+json;version=0.1',
      verificationMaterial: { publicKey: { hint: id }, tlogEntries: [], timestampVerificationData: undefined },
      dsseEnvelope: JSON.parse(envelope),
    });
    verifier.verify(toSignedEntity(bundle));
    return true;
  } catch (error) {
    if (error instanceof VerificationError || error instanceof ValidationError) return false;
    throw error;
  }
}
