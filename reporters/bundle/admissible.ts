// SPDX-License-Identifier: GPL-2.0-only
import type { Results } from '../results.ts';

/** Is this one of AEM's modules? Their names have a hyphen in a file, and an underscore in the kernel. */
export function isAemModule({ name }: { readonly name: string }): boolean {
  return /^aem[-_]/.test(name);
}

/** Why a finished run is nothing to certify, one line each; empty when nothing was left out and nothing departs. */
export function inadmissible({ run, subject }: Results): readonly string[] {
  const filters = Object.entries(run.filters);
  const { flavour } = subject.kernel;
  // A kernel without AEM is measured by what it has of its own; one that has it is measured whole.
  const partly = run.binding === 'native' && (flavour !== 'given' || subject.modules.some(isAemModule));
  return [
    ...(filters.length > 0 ? [`filters left something out: ${filters.map(([name, value]) => `${name}=${value}`).join(', ')}`] : []),
    ...(run.binding === 'aem' ? ['the binding aem alone was judged'] : []),
    ...(partly ? ['the binding native alone was judged, of a kernel that has AEM'] : []),
    ...(flavour === 'base' || flavour === 'given' ? [] : [`the kernel was built for tests: flavour ${flavour}`]),
  ];
}
