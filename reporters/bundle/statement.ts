// SPDX-License-Identifier: GPL-2.0-only
/** The signed statement: in-toto Statement v1 with the test-result predicate v0.1 (github.com/in-toto/attestation). */
import { conclude, type Outcome } from '../conclude.ts';
import { digestText } from '../../lib/digest.ts';
import type { Digest, Results, Verdict } from '../results.ts';
import { countVerdicts, type VerdictCounts } from '../verdict.ts';
import { manifestFile } from './manifest.ts';
import type { Product } from './product.ts';
import type { JudgedWaiver } from './waivers.ts';

export const statementType = 'https://in-toto.io/Statement/v1';
export const predicateType = 'https://in-toto.io/attestation/test-result/v0.1';

/** in-toto's ResourceDescriptor, as far as it is used here. */
export interface Resource {
  readonly name: string;
  readonly digest: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, unknown>>;
}

export interface Statement {
  readonly _type: typeof statementType;
  /** The kernel and each module that was measured. Of a machine that somebody runs the image may not be at hand: annotations say of what the digest is. */
  readonly subject: readonly Resource[];
  readonly predicateType: typeof predicateType;
  readonly predicate: {
    /** PASSED for a run that conforms, and for nothing else: no waiver changes it. */
    readonly result: 'PASSED' | 'FAILED';
    /** The manifest, which stands for every file of the bundle, the kernel's configuration and the suite. */
    readonly configuration: readonly Resource[];
    readonly passedTests: readonly string[];
    readonly warnedTests: readonly string[];
    /** FAIL alone: what has no verdict is in `aemcert.tests`. */
    readonly failedTests: readonly string[];
    readonly aemcert: Extension;
  };
}

/** What the predicate has no field for. */
export interface Extension {
  readonly format: 1;
  readonly claim: string;
  readonly outcome: Outcome;
  readonly headline: string;
  readonly product: Product;
  readonly kernel: { readonly release: string; readonly source: string; readonly flavour: string; readonly patches: readonly string[] };
  readonly bindings: readonly string[];
  readonly suite: Results['run']['suite'];
  readonly target: Results['target'];
  readonly command: readonly string[];
  readonly startedAt: string;
  readonly finishedAt?: string;
  readonly counts: { readonly tests: VerdictCounts; readonly requirements: VerdictCounts };
  /** Ids of tests that neither passed nor failed. */
  readonly tests: Readonly<Record<Exclude<Verdict, 'PASS' | 'FAIL'>, readonly string[]>>;
  readonly requirements: readonly { readonly id: string; readonly verdict: Verdict; readonly mandatory: boolean }[];
  readonly waivers: readonly JudgedWaiver[];
}

/** What a statement is made of, all of it in the bundle. */
export interface StatementParts {
  readonly results: Results;
  readonly product: Product;
  readonly waivers: readonly JudgedWaiver[];
  /** The text of the manifest. */
  readonly manifest: string;
}

/** What the results are, and all that they are: the wording that every part of a bundle has. */
export const claim = 'Results against CGL 5.0 ids, as measured by aemcert on the kernel named here. CGL has no certification programme.';

/** The same parts give the same statement. */
export function makeStatement({ results, product, waivers, manifest }: StatementParts): Statement {
  const { run, subject, target, tests, requirements } = results;
  const { conformant, outcome, headline } = conclude(results);
  const having = (verdict: Verdict): readonly string[] => tests.filter((test) => test.verdict === verdict).map(({ id }) => id);
  const { release, source, flavour, patches, config } = subject.kernel;
  return {
    _type: statementType,
    subject: [kernelResource(subject.kernel), ...subject.modules.map(({ name, sha256 }) => resource(`${name}.ko`, { sha256 }))],
    predicateType,
    predicate: {
      result: conformant ? 'PASSED' : 'FAILED',
      configuration: [
        resource(manifestFile, { sha256: digestText(manifest) }),
        ...(config === undefined ? [] : [resource(`config-${release}`, config)]),
        suiteOf(run.suite),
      ],
      passedTests: having('PASS'),
      warnedTests: [],
      failedTests: having('FAIL'),
      aemcert: {
        format: 1,
        claim,
        outcome,
        headline,
        product,
        kernel: { release, source, flavour, patches },
        bindings: [...new Set(results.plan.map(({ binding }) => binding))].sort(),
        suite: run.suite,
        target,
        command: run.command,
        startedAt: run.startedAt,
        ...(run.finishedAt === undefined ? {} : { finishedAt: run.finishedAt }),
        counts: {
          tests: countVerdicts(tests.map(({ verdict }) => verdict)),
          requirements: countVerdicts(requirements.map(({ verdict }) => verdict)),
        },
        tests: { UNRESOLVED: having('UNRESOLVED'), UNSUPPORTED: having('UNSUPPORTED'), UNTESTED: having('UNTESTED') },
        requirements: requirements.map(({ id, verdict, mandatory }) => ({ id, verdict, mandatory })),
        waivers,
      },
    },
  };
}

/** The bytes that are signed. */
export function formatStatement(statement: Statement): string {
  return `${JSON.stringify(statement)}\n`;
}

function resource(name: string, { sha256 }: Digest): Resource {
  return { name, digest: { sha256 } };
}

/** A kernel that was booted is its image. One that ran already says of itself what it is: by the text of /proc/version, and its build id. */
function kernelResource({ release, image, version = '', buildId }: Results['subject']['kernel']): Resource {
  const name = `linux-${release}`;
  if (image !== undefined && version === '') return resource(name, image);
  const digest = { sha256: image?.sha256 ?? digestText(version), ...(buildId === undefined ? {} : { gnuBuildId: buildId }) };
  return { name, digest, annotations: { sha256: image === undefined ? 'of the text of /proc/version' : `of /boot/vmlinuz-${release}`, version } };
}

function suiteOf({ version, revision, dirty, files }: Results['run']['suite']): Resource {
  const commit = /^[0-9a-f]{40}$/.test(revision) ? { gitCommit: revision } : {};
  return {
    name: 'aemcert',
    digest: { ...commit, ...(files === undefined ? {} : { sha256: files.sha256 }) },
    annotations: { version, changedSince: dirty },
  };
}
