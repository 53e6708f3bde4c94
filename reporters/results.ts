/**
 * The shape of results.json, the only source of every report.
 * Published as reporters/schema/results.schema.json; `version` rises when a
 * reader of the old shape would misread the new one.
 */

/** The verdicts of IEEE 1003.3. */
export const verdicts = ['PASS', 'FAIL', 'UNRESOLVED', 'UNSUPPORTED', 'UNTESTED'] as const;
export type Verdict = (typeof verdicts)[number];

/** Through what a neutral requirement is exercised: AEM, or the facilities that the kernel has of its own. */
export const bindings = ['aem', 'native'] as const;
export type Binding = (typeof bindings)[number];

export interface Results {
  readonly version: 1;
  readonly run: RunInfo;
  readonly subject: Subject;
  readonly target: TargetInfo;
  /** Written before the first test runs; every planned test has an entry in `tests`. */
  readonly plan: readonly PlannedTest[];
  /** Tests that need another flavour of the kernel: no part of this run. Absent when there are none. */
  readonly elsewhere?: readonly PlannedTest[];
  readonly tests: readonly TestResult[];
  readonly requirements: readonly RequirementResult[];
  /** What happened to the target itself, in order. */
  readonly incidents: readonly Incident[];
  /** Which lines of AEM ran; only of a kernel of the flavour `coverage`. */
  readonly lines?: LineCoverage;
}

export interface RunInfo {
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  /** Absent while running, and for ever when the run was cut off. */
  readonly finishedAt?: string;
  /** False when the plan was not run to its end; such a run never passes. */
  readonly complete: boolean;
  /** Why it is not complete: the signal, or the error, in one line. */
  readonly interruption?: string;
  /** The exact command line. */
  readonly command: readonly string[];
  /** Settings that left something out, as given; shown on the first page. */
  readonly filters: Readonly<Record<string, string>>;
  /** The one binding that was judged: requirements of the other are not in the results. Absent: both. */
  readonly binding?: Binding;
  /** The revision of the suite: git commit, or a digest of its files; `dirty` when changed since. */
  readonly suite: {
    readonly version: string;
    readonly revision: string;
    readonly dirty: boolean;
    /** Of all files that the suite is made of, which a verifier holds against its own. */
    readonly files?: Digest;
  };
}

export interface Subject {
  readonly kernel: {
    /** `uname -r` as the guest says it. */
    readonly release: string;
    /** Where the source came from, e.g. `linux-source-6.12 6.12.117-1~deb12u1`; of a kernel that was given, its package or file. */
    readonly source: string;
    readonly flavour: string;
    /** Absent where it cannot be read on the machine that runs it. */
    readonly image?: Digest;
    /** `/proc/version` of a machine that somebody runs. */
    readonly version?: string;
    /** GNU build id that the running kernel tells of itself, hexadecimal. */
    readonly buildId?: string;
    /** Absent where nobody knows how the kernel was configured. */
    readonly config?: Digest;
    /** Names of the patches applied, in order; empty for a stock kernel. */
    readonly patches: readonly string[];
  };
  readonly modules: readonly ({ readonly name: string } & Digest)[];
}

export interface Digest {
  readonly sha256: string;
}

export interface TargetInfo {
  readonly driver: 'qemu' | 'ssh';
  readonly accelerator?: 'tcg' | 'kvm';
  /** Why this accelerator: e.g. `/dev/kvm: probe boot gave no sign of life within 5 s`. */
  readonly acceleratorReason?: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  /** How many of them ran tests at the same time; one, when absent. */
  readonly guests?: number;
  /** The CPUs of a guest took turns in one thread of the emulator; in parallel, when absent. */
  readonly turns?: true;
  /** e.g. `QEMU emulator version 7.2.22 (Debian …)`. */
  readonly emulator?: string;
  /** ssh://user@host of a machine that somebody runs. */
  readonly address?: string;
  /** As whom tests ran there: `root`, or `uid 1000`. */
  readonly user?: string;
  /** Why the kernel's log could not be watched; absent where it was. */
  readonly logUnwatched?: string;
  /** Tests that may disturb or stop the machine were allowed. */
  readonly destructive?: true;
  /** Modules of AEM that were loaded already, of whose files nobody knows. */
  readonly unknownModules?: readonly string[];
}

export interface PlannedTest {
  /** Stable: `<suite>/<file without .suite.ts>/<title as slug>`. */
  readonly id: string;
  /** The module it exercises: core, pexit, … */
  readonly suite: string;
  /** Path of the test file from the project's root. */
  readonly file: string;
  readonly title: string;
  readonly requirements: readonly string[];
  readonly binding: Binding;
  /** The facility of the kernel that a neutral test exercises: epoll, io_uring, aem-timer, … */
  readonly facility?: string;
  /** The flavours of the kernel on which it runs; absent: on all. */
  readonly flavours?: readonly string[];
  /** What it needs of a machine that somebody runs: without it, it is UNTESTED there. Absent: nothing. */
  readonly needs?: readonly string[];
}

export interface TestResult {
  readonly id: string;
  readonly verdict: Verdict;
  /** ISO 8601, UTC; absent when the test was not started. */
  readonly startedAt?: string;
  readonly durationMs: number;
  /** Assertions executed. A test that made none is UNTESTED, whatever else. */
  readonly assertions: number;
  /** Why, for every verdict but PASS: one line. */
  readonly reason?: string;
  readonly expected?: string;
  readonly observed?: string;
  /** Stack or details, several lines. */
  readonly details?: string;
  /** What the kernel's console said between this test's markers, when it is evidence of a fault. */
  readonly console?: string;
  /** The kernel's taint word (proc(5)) before and after. */
  readonly taint?: { readonly before: number; readonly after: number };
  /** Which boot of the target, from 1. */
  readonly boot?: number;
}

export interface RequirementResult {
  readonly id: string;
  readonly title: string;
  readonly statement: string;
  readonly priority: string;
  /** A mandatory requirement has to pass for the run to be conformant. */
  readonly mandatory: boolean;
  readonly verification: 'test' | 'analysis' | 'inspection';
  readonly bindings: readonly string[];
  readonly parents: readonly string[];
  readonly standing?: string;
  readonly source: { readonly document: string; readonly part?: string; readonly certainty: string };
  /** The YAML file, from the project's root, and its line. */
  readonly file: string;
  readonly line: number;
  /**
   * From its own tests and its children: FAIL if any failed, else UNRESOLVED, UNTESTED,
   * UNSUPPORTED if any was, else PASS; without either UNTESTED. A facility that the kernel
   * lacks (UNSUPPORTED) does not count where another passes.
   */
  readonly verdict: Verdict;
  /** By which facilities it is met, and by which not; absent where no test names one. */
  readonly facilities?: readonly FacilityVerdict[];
  readonly tests: readonly string[];
  readonly children: readonly string[];
  /** False when filters left out its tests. */
  readonly selected: boolean;
}

export interface FacilityVerdict {
  readonly facility: string;
  readonly binding: Binding;
  readonly verdict: Verdict;
}

export interface Incident {
  readonly kind:
    | 'panic'
    | 'oops'
    | 'bug'
    | 'warning'
    | 'lockdep'
    | 'kasan'
    | 'hung-task'
    | 'rcu-stall'
    | 'soft-lockup'
    | 'out-of-memory'
    | 'silent'
    | 'exit'
    | 'other';
  readonly blame: 'kernel' | 'infrastructure';
  /** ISO 8601, UTC. */
  readonly at: string;
  /** Of all boots of the run, from 1. That of guest N is one of N, N + guests, N + 2 guests … */
  readonly boot: number;
  readonly testId?: string;
  /** The console's lines. */
  readonly excerpt: string;
}

export interface LineCoverage {
  readonly files: readonly CountedFile[];
  /** What ran while the target booted and loaded the modules, of all boots. */
  readonly boot: LinesByFile;
  /** What ran during each test, by its id; a test whose counters could not be read has no entry. */
  readonly tests: Readonly<Record<string, LinesByFile>>;
}

/** Ranges of lines by the file's path, such as `3-7,9`; a file without lines has no entry. */
export type LinesByFile = Readonly<Record<string, string>>;

export interface CountedFile {
  /** From the project's root; `linux/` stands for the patched kernel tree. */
  readonly path: string;
  /** The lines that hold code. */
  readonly instrumented: string;
  /** In the order of the file. */
  readonly functions: readonly { readonly name: string; readonly first: number; readonly last: number }[];
  /** The whole text, so that a report can show its lines. */
  readonly source: string;
}
