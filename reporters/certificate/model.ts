// SPDX-License-Identifier: GPL-2.0-only
import { isAemModule } from '../bundle/admissible.ts';
import type { ManifestEntry } from '../bundle/manifest.ts';
import type { Product } from '../bundle/product.ts';
import { claim } from '../bundle/statement.ts';
import { waiverProblem, type JudgedWaiver } from '../bundle/waivers.ts';
import { conclude, type Conclusion } from '../conclude.ts';
import { hasOwnClock } from '../own-clock.ts';
import type { RequirementResult, Results } from '../results.ts';
import { suiteRemarks, targetRemarks } from '../text.ts';
import { clauseRows, type ClauseRow } from './clauses.ts';

/** What a certificate is made of. */
export interface CertificateParts {
  readonly results: Results;
  readonly product: Product;
  readonly waivers: readonly JudgedWaiver[];
  /** The evidence beside it. */
  readonly files: readonly ManifestEntry[];
  /** Of the key that signs the bundle. */
  readonly keyId: string;
  /** The kernel's configuration; absent where nobody knows it. */
  readonly config?: string;
}

/** What certificate.json holds and certificate.html shows. */
export interface CertificateModel {
  readonly format: 'aemcert-certificate';
  readonly version: 1;
  readonly claim: string;
  readonly conclusion: Conclusion;
  /** What a reader has to know beside the conclusion; on the first page. */
  readonly remarks: readonly string[];
  readonly product: Product;
  readonly bindings: readonly string[];
  readonly run: Results['run'];
  readonly subject: Results['subject'];
  readonly target: Results['target'];
  readonly clauses: readonly ClauseRow[];
  /** The sections of R1, whose body is lost. */
  readonly rebuilt: readonly RequirementResult[];
  readonly waivers: readonly JudgedWaiver[];
  readonly files: readonly ManifestEntry[];
  readonly keyId: string;
}

export function certificateModel(parts: CertificateParts): CertificateModel {
  const { results, product, waivers, files, keyId } = parts;
  const { run, subject, target } = results;
  const conclusion = conclude(results);
  return {
    format: 'aemcert-certificate',
    version: 1,
    claim,
    conclusion,
    remarks: remarksOn(parts, conclusion),
    product,
    bindings: [...new Set(results.plan.map(({ binding }) => binding))].sort(),
    run,
    subject,
    target,
    clauses: clauseRows(results),
    rebuilt: results.requirements.filter(({ id }) => id.startsWith('R1-')),
    waivers,
    files,
    keyId,
  };
}

/** The JSON text of a certificate. */
export function certificateJson(parts: CertificateParts): string {
  return `${JSON.stringify(certificateModel(parts), undefined, 1)}\n`;
}

function remarksOn(
  { results, product: { latency }, waivers, config }: CertificateParts,
  { failedRequirements }: Conclusion,
): readonly string[] {
  const { run, subject, target, plan, elsewhere = [] } = results;
  const open = clauseRows(results).filter(({ requirement: { verdict } }) => verdict !== 'PASS' && verdict !== 'FAIL');
  const waived = waivers.filter(({ requirement, state }) => state === 'waived' && failedRequirements.includes(requirement));
  const filters = Object.entries(run.filters);
  return [
    ...suiteRemarks(run.suite),
    ...targetRemarks(results),
    ...(carriesAem(config) && !subject.modules.some(isAemModule) ? ['The kernel carries AEM’s patch, and its modules were not measured.'] : []),
    ...(filters.length > 0 ? [`Filters were in force: ${filters.map(([name, value]) => `${name}=${value}`).join(', ')}.`] : []),
    ...(open.length > 0 ? [`Without a verdict as a whole, since a part of each has none: ${open.map(({ requirement }) => requirement.id).join(', ')}.`] : []),
    ...(waived.length > 0
      ? [`${waived.length} of the ${failedRequirements.length} mandatory requirements that do not pass are waived. A waiver makes nothing pass.`]
      : []),
    ...waivers.flatMap((waiver) => {
      const problem = waiverProblem(waiver);
      return problem === undefined ? [] : [`${problem[0]?.toUpperCase() ?? ''}${problem.slice(1)}.`];
    }),
    ...(target.accelerator === 'tcg' ? [`Measured under emulation${target.turns === true ? ', where the CPUs of a guest took turns' : ''}.`] : []),
    ...(target.driver === 'qemu' && plan.some(hasOwnClock) ? ['Upper bounds of time are of an emulated processor whose clock counts instructions, not of a machine.'] : []),
    ...(latency === undefined ? ['The vendor states no latency.'] : []),
    ...(subject.kernel.config === undefined ? ['The configuration of the kernel is not on record.'] : []),
    ...(elsewhere.length > 0 ? [`${elsewhere.length} tests need a kernel built for them (fault injection and the like), and are no part of this run.`] : []),
  ];
}

function carriesAem(config: string | undefined): boolean {
  return config !== undefined && /^CONFIG_AEM=/m.test(config);
}
