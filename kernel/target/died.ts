// SPDX-License-Identifier: GPL-2.0-only
import { InfrastructureError } from '../../lib/errors.ts';
import type { Incident } from '../../reporters/results.ts';

/** The target is gone: what was under way in it cannot be finished. */
export class TargetDiedError extends InfrastructureError {
  readonly incident: Incident;

  constructor(incident: Incident) {
    const whose = incident.blame === 'kernel' ? 'the kernel under test' : 'the infrastructure';
    const lines = incident.excerpt.split('\n');
    const told = lines.find((line) => line.includes('Kernel panic')) ?? lines[0] ?? '';
    super(`the target died: ${incident.kind}, blamed on ${whose}: ${told}`, {
      seen: lines.slice(0, 12).join('\n            '),
    });
    this.incident = incident;
  }
}
