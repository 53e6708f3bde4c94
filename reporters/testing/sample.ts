// SPDX-License-Identifier: GPL-2.0-only
import type { Incident, LineCoverage, PlannedTest, RequirementResult, Results, TestResult, Verdict } from '../results.ts';
import { deriveRequirementResults, type RequirementInput } from '../verdict.ts';

/** A test of the sample: what was planned and what came of it. */
export type SampleTest = PlannedTest & Omit<TestResult, 'id'>;

export interface SampleOptions {
  readonly tests?: readonly SampleTest[];
  readonly leftOut?: readonly PlannedTest[];
  readonly requirements?: readonly RequirementInput[];
  readonly incidents?: readonly Incident[];
  readonly run?: Partial<Results['run']>;
  readonly lines?: LineCoverage;
}

/**
 * Results as a run would write them, with every verdict, an orphan test, a requirement without tests,
 * incidents and text that tries to break out of each format. They agree with themselves; `options` replaces
 * parts of them.
 */
export function sampleResults(options: SampleOptions = {}): Results {
  const tests = options.tests ?? sampleTests();
  const plan = tests.map(plannedOf);
  const results = tests.map(resultOf);
  const requirements: RequirementResult[] = deriveRequirementResults(
    options.requirements ?? sampleRequirements(),
    plan,
    results,
    options.leftOut,
  );
  return {
    version: 1,
    run: {
      startedAt: '2026-03-02T09:15:00.250Z',
      finishedAt: '2026-03-02T09:19:41.900Z',
      complete: true,
      command: ['npx', 'aemcert', 'run', '--kernel', '6.12'],
      filters: {},
      suite: { version: '0.1.0', revision: '1f0c2d9a7be4', dirty: false },
      ...options.run,
    },
    subject: {
      kernel: {
        release: '6.12.117-aem',
        source: 'linux-source-6.12 6.12.117-1~deb12u1',
        flavour: 'base',
        image: { sha256: 'a1'.repeat(32) },
        config: { sha256: 'b2'.repeat(32) },
        patches: ['0001-signal-let-aem-fill-the-ksignal.patch', '0002-sched-a-pointer-in-task_struct.patch'],
      },
      modules: [
        { name: 'aem-core', sha256: 'c3'.repeat(32) },
        { name: 'aem-pexit', sha256: 'd4'.repeat(32) },
      ],
    },
    target: {
      driver: 'qemu',
      accelerator: 'tcg',
      acceleratorReason: '/dev/kvm: probe boot gave no sign of life within 5 s',
      cpus: 2,
      memoryMiB: 512,
      emulator: 'QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)',
    },
    plan,
    tests: results,
    requirements,
    incidents: options.incidents ?? sampleIncidents(),
    ...(options.lines === undefined ? {} : { lines: options.lines }),
  };
}

/** Results in which everything passed, so that one change makes them not conformant. */
export function passingResults(options: SampleOptions = {}): Results {
  return sampleResults({
    requirements: sampleRequirements().filter(({ id }) => passingRequirements.has(id)),
    tests: sampleTests().filter(({ requirements }) => requirements.includes('AEM-PEXIT-001')),
    incidents: [],
    ...options,
  });
}

const passingRequirements = new Set(['AVL.5.3', 'AEM-PEXIT-001']);

/** A test of the sample with the given verdict and whatever else is to differ. */
export function sampleTest(id: string, verdict: Verdict, rest: Partial<SampleTest> = {}): SampleTest {
  const [suite = 'core', file = 'sample'] = id.split('/');
  const executed = verdict === 'PASS' || verdict === 'FAIL' || verdict === 'UNRESOLVED';
  return {
    id,
    suite,
    file: `suites/${suite}/${file}.suite.ts`,
    title: (id.split('/')[2] ?? id).replaceAll('-', ' '),
    requirements: [],
    binding: 'aem',
    verdict,
    durationMs: executed ? 420 : 0,
    assertions: verdict === 'PASS' || verdict === 'FAIL' ? 5 : 0,
    ...(executed
      ? { startedAt: '2026-03-02T09:16:00.000Z', boot: 1, taint: { before: 12288, after: 12288 } }
      : {}),
    ...(verdict === 'PASS' ? {} : { reason: `sample reason of ${verdict}` }),
    ...rest,
  };
}

/** Lines for the sample: reached by tests, by the boot only, and not at all. */
export function sampleLines(): LineCoverage {
  const core = 'modules/aem-core/main.c';
  const kernel = 'linux/kernel/aem.c';
  const hostile = 'c <script>alert(1)</script> `x`';
  return {
    files: [
      {
        path: core,
        instrumented: '3-5,8-10',
        functions: [
          { name: 'aem_load', first: 2, last: 6 },
          { name: 'aem_never', first: 7, last: 11 },
        ],
        source: ['', 'int aem_load(void)', 'a();', 'b();', hostile, '}', '', 'd', 'e', 'f', ''].join('\n'),
      },
      { path: kernel, instrumented: '7', functions: [], source: '\n\n\n\n\n\nx();\n' },
    ],
    boot: { [core]: '3' },
    tests: {
      'pexit/notify/reports-the-exit-code-of-a-process': { [core]: '4', [kernel]: '7' },
      'pexit/notify/watches-a-process-that-runs-already': { [kernel]: '7' },
      'pexit/notify/native-reports-the-exit-code': {},
      'pexit/fault/reports-the-signal-of-a-fault': { [kernel]: '7' },
    },
  };
}

function sampleTests(): SampleTest[] {
  return [
    sampleTest('pexit/notify/reports-the-exit-code-of-a-process', 'PASS', {
      requirements: ['AEM-PEXIT-001'],
      durationMs: 318.4,
    }),
    sampleTest('pexit/notify/watches-a-process-that-runs-already', 'PASS', {
      requirements: ['AEM-PEXIT-001'],
      durationMs: 251,
    }),
    sampleTest('pexit/notify/native-reports-the-exit-code', 'PASS', {
      requirements: ['AEM-PEXIT-001'],
      binding: 'native',
      durationMs: 198,
    }),
    sampleTest('pexit/fault/reports-the-signal-of-a-fault', 'FAIL', {
      title: 'reports the signal of a fault, and it\'s not "0" <& ]]> |',
      requirements: ['AEM-PEXIT-004', 'AVL.5.3-a'],
      durationMs: 1204.9,
      reason: 'the status word lost the signal | <script>alert(1)</script>',
      expected: 'exit_code & 0x7f = 11 (SIGSEGV)',
      observed: 'exit_code & 0x7f = 0 (returned 11)',
      details:
        'at suites/pexit/fault.suite.ts:41:9\n  handler call 1 of 1: event 7, pid 213, exit_code 0x0b00',
      console: '\u001b[1;31m[   12.400100]\u001b[0m aem-pexit: status of 213 is <0b00>\n]]> & "quoted"\u0007',
    }),
    sampleTest('timer/posix/never-fires-early', 'UNRESOLVED', {
      requirements: ['AEM-TIMER-003'],
      durationMs: 30_000,
      reason: 'the target went silent before the test ended',
      observed: 'no line from the agent for 30 s',
    }),
    sampleTest('tipc/topology/reports-a-node-that-goes-down', 'UNSUPPORTED', {
      requirements: ['AEM-TIPC-002'],
      reason: 'the kernel has no AF_TIPC (CONFIG_TIPC is off)',
    }),
    sampleTest('timer/posix/counts-overruns', 'UNTESTED', {
      requirements: ['AEM-TIMER-005'],
      reason: 'the target could not be restarted in time',
      file: 'suites/timer/posix.suite.ts',
    }),
    sampleTest('core/control/verifies-nothing-known', 'PASS', {
      requirements: ['AEM-CORE-999'],
      durationMs: 12,
    }),
    sampleTest('core/control/orders-events-by-arrival', 'PASS', {
      requirements: ['AEM-CORE-010'],
      durationMs: 640,
    }),
  ];
}

function sampleRequirements(): RequirementInput[] {
  return [
    requirement('AVL.5.3', 'Non-intrusive process monitor', {
      statement: 'The system shall tell of the unexpected exit of a process that cannot be altered.',
      source: { document: 'CGL 5.0', part: 'AVL.5.3', certainty: 'stated' },
      standing: 'normative',
      bindings: ['aem', 'native'],
    }),
    requirement('AVL.5.3-a', 'An exit is reported with its cause', {
      parents: ['AVL.5.3'],
      source: { document: 'CGL 5.0', part: 'AVL.5.3', certainty: 'stated' },
      standing: 'normative',
      bindings: ['aem', 'native'],
    }),
    requirement('PRF.5.0', 'Efficient low-level asynchronous events', {
      statement: 'The system shall offer an API that notifies applications by level or edge trigger.',
      source: { document: 'CGL 5.0', part: 'PRF.5.0', certainty: 'stated' },
      standing: 'normative',
      bindings: ['aem', 'native'],
    }),
    requirement('R1-2.3', 'Soft real time', {
      parents: ['PRF.5.0'],
      statement: 'An event shall reach its handler within the latency that the vendor states.',
      source: { document: 'OSDL R1', part: '2.3', certainty: 'reconstructed' },
      standing: 'historic',
    }),
    requirement('AEM-PEXIT-001', 'A watched exit is reported', {
      parents: ['AVL.5.3'],
      statement: 'aem-pexit shall call the handler once when a watched process ends.',
      source: { document: 'AEM site', part: 'aemproc', certainty: 'stated' },
      bindings: ['aem', 'native'],
    }),
    requirement('AEM-PEXIT-004', 'A fault is told apart from a return', {
      parents: ['AVL.5.3'],
      statement: 'aem-pexit shall pass the wait(2) status word, so that a fault <signal> & a return differ.',
      source: { document: 'AEM site', part: 'aemproc', certainty: 'deduced' },
    }),
    requirement('AEM-TIMER-003', 'A timer never fires early', {
      parents: ['R1-2.3'],
      source: { document: 'AEM site', part: 'aemtimers', certainty: 'decided' },
    }),
    requirement('AEM-TIMER-005', 'Overruns are counted', {
      parents: ['R1-2.3'],
      mandatory: false,
      priority: 'P2',
    }),
    requirement('AEM-TIPC-002', 'A node that goes down is reported', {
      parents: ['PRF.5.0'],
      mandatory: false,
      priority: 'P2',
      source: { document: 'aemcert', part: 'aem-tipc', certainty: 'decided' },
    }),
    requirement('AEM-CORE-010', 'Events run in order of arrival', { parents: ['PRF.5.0'] }),
    requirement('AEM-CORE-011', 'The quota is documented', {
      parents: ['PRF.5.0'],
      mandatory: false,
      priority: 'P2',
      verification: 'inspection',
    }),
  ];
}

function requirement(id: string, title: string, rest: Partial<RequirementInput> = {}): RequirementInput {
  return {
    id,
    title,
    statement: `The subject shall do what ${id} says.`,
    priority: 'P1',
    mandatory: true,
    verification: 'test',
    bindings: ['aem'],
    parents: [],
    source: { document: 'AEM site', part: 'aemcore', certainty: 'stated' },
    file: `specs/aem/${id.toLowerCase()}.yaml`,
    line: 3,
    ...rest,
  };
}

function sampleIncidents(): Incident[] {
  return [
    {
      kind: 'silent',
      blame: 'infrastructure',
      at: '2026-03-02T09:17:30.000Z',
      boot: 1,
      testId: 'timer/posix/never-fires-early',
      excerpt: '[   41.002000] aem-timer: armed 1000 timers\n[   41.730000] <last line> & nothing after it',
    },
  ];
}

function plannedOf({ id, suite, file, title, requirements, binding, facility }: SampleTest): PlannedTest {
  return { id, suite, file, title, requirements, binding, ...(facility === undefined ? {} : { facility }) };
}

function resultOf({
  suite: _suite,
  file: _file,
  title: _title,
  requirements: _r,
  binding: _b,
  facility: _f,
  ...result
}: SampleTest): TestResult {
  return result;
}
