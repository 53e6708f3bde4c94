// SPDX-License-Identifier: GPL-2.0-only
import { InfrastructureError } from '../../lib/errors.ts';
import type { AemcertErrorDetails } from '../../lib/errors.ts';
import type { Incident } from '../../reporters/results.ts';
import { toldLine } from '../../reporters/text.ts';

/** The target is gone: what was under way in it cannot be finished. */
export class TargetDiedError extends InfrastructureError {
  readonly incident: Incident;

  constructor(incident: Incident) {
    const whose = incident.blame === 'kernel' ? 'the kernel under test' : 'the infrastructure';
    super(`the target died: ${incident.kind}, blamed on ${whose}: ${toldLine(incident)}`, {
      seen: incident.excerpt.split('\n').slice(0, 12).join('\n            '),
    });
    this.incident = incident;
  }
}

/** Only the emulator has a kernel panic that is not to blame for it; another target may live. */
export function isEmulators({ kind, blame }: Incident): boolean {
  return kind === 'panic' && blame === 'infrastructure';
}

/** A target did not come up. Nothing was tested, so nothing can have failed; what was seen is kept. */
export class BootError extends InfrastructureError {
  readonly incidents: readonly Incident[];

  constructor(message: string, incidents: readonly Incident[], details: AemcertErrorDetails = {}) {
    super(message, details);
    this.incidents = incidents;
  }
}
