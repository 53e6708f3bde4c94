// SPDX-License-Identifier: GPL-2.0-only
import { appendFile, copyFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { BootableKernel, GuestBuild, KernelBuild } from '../../kernel/build/artifacts.ts';
import { ensureGuest, ensurePrograms } from '../../kernel/build/guest.ts';
import { findInstrumented } from '../../kernel/build/instrumented.ts';
import type { Instrumented } from '../../kernel/build/instrumented.ts';
import { ensureKernel } from '../../kernel/build/kernel.ts';
import type { OnProgress } from '../../kernel/build/progress.ts';
import type { GivenKernel } from '../../kernel/given/given.ts';
import { overwritten } from '../../kernel/target/console/patterns.ts';
import type { Link } from '../../kernel/target/ssh/link.ts';
import { digestFile, digestText, listFiles } from '../../lib/digest.ts';
import { InputError, formatError } from '../../lib/errors.ts';
import { runsOn } from '../../lib/runs-on.ts';
import { cpusTakeTurns } from '../../lib/usual-guests.ts';
import type { SuiteAtHand } from '../../reporters/bundle/same-suite.ts';
import { hasOwnClock } from '../../reporters/own-clock.ts';
import { uniteRanges } from '../../reporters/ranges.ts';
import { gainedByFault } from '../../reporters/taint.ts';
import type {
  Binding,
  CountedFile,
  Incident,
  LinesByFile,
  PlannedTest,
  Results,
  RunInfo,
  Subject,
  TargetInfo,
  TestResult,
} from '../../reporters/results.ts';
import { deriveRequirementResults } from '../../reporters/verdict.ts';
import type { RequirementInput } from '../../reporters/verdict.ts';
import { SpecError, checkLinks, loadRequirements } from '../../specs/loader/index.ts';
import type { RequirementSet } from '../../specs/loader/index.ts';
import { makeConsoleLogs } from './console-logs.ts';
import { hostProgramsFor } from './host-programs.ts';
import { executeTests } from './execute.ts';
import type { Executed } from './execute.ts';
import { countedFiles } from './lines.ts';
import { collectPlan, selectTests } from './plan.ts';
import type { Selection } from './plan.ts';
import type { QemuMachine, SshMachine } from './session.ts';
import { describeSuite } from './suite.ts';

export interface RunOptions {
  readonly selection: Selection;
  readonly out: string;
  readonly kernelVersion?: string | undefined;
  readonly source?: string | undefined;
  /** Run on the kernel without the series: a test that passes there verifies nothing. */
  readonly unpatched?: boolean;
  /** A kernel that somebody else has built, instead of one of ours. */
  readonly given?: GivenKernel | undefined;
  /** A machine that somebody runs, instead of guests. It is closed before the results are whole: what its kernel says meanwhile is one of them. */
  readonly link?: Link | undefined;
  readonly memoryMiB: number;
  readonly cpus: number;
  /** How many run tests at the same time, at most; each runs the tests of whole files. */
  readonly guests: number;
  readonly bail: boolean;
  /** Milliseconds until what a test waits for counts as not happening. */
  readonly deadline: number;
  readonly command: readonly string[];
  readonly filters: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly onBuild: OnProgress;
  /** What was asked for can be run, and nothing has been built: what an earlier run has left in `out` is to go. */
  onAccepted(): Promise<void>;
  onPlan(selected: readonly PlannedTest[]): void;
  onStart(test: PlannedTest): void;
  onEnd(test: PlannedTest, result: TestResult): void;
  /** Something happened to the target while no test ran. */
  onStray(incident: Incident): void;
}

/** Specs and tests, read and checked against each other. */
export interface Loaded {
  readonly requirements: RequirementSet;
  readonly plan: readonly PlannedTest[];
}

/** Loads what there is to run. Throws InputErrors with all that is wrong. */
export async function loadPlan(): Promise<Loaded> {
  const requirements = await loadRequirements();
  const plan = await collectPlan();
  // One that is not tested yet is UNTESTED in the report, and keeps a run from passing.
  const problems = checkLinks(requirements, plan).filter(
    ({ severity, kind }) => severity === 'error' && kind !== 'untested-requirement',
  );
  if (problems.length > 0) {
    throw new SpecError(problems.map(({ message }) => ({ file: 'suites', message })));
  }
  return { requirements, plan };
}

/**
 * Runs the suites on a target of their own and writes results.json into
 * `out`: first the plan, then what has been measured so far, at last all of
 * it. Whatever ends the run, what was measured is kept.
 */
export async function runSuites(options: RunOptions): Promise<Results> {
  if (options.guests > 1 && options.selection.flavour !== 'base') {
    throw new InputError('only the flavour base runs on several guests', {
      expected: '--guests 1',
      seen: `--guests ${options.guests}`,
      hint: 'what the kernel has lost is looked for after the last test of its one guest',
    });
  }
  const { requirements, plan } = await loadPlan();
  const selected = selectTests(plan, options.selection, requirements);
  const { binding } = options.selection;
  const judged = plan.filter((test) => binding === undefined || test.binding === binding);
  const elsewhere = judged.filter((test) => !runsOn(test, options.selection.flavour));
  const leftOut = judged.filter((test) => !selected.includes(test) && !elsewhere.includes(test));
  await rm(join(options.out, 'results.json'), { force: true });
  await options.onAccepted();
  const { signal } = options;
  const { on, subject, config, instrumented } = await prepare({ ...options, selected });
  const guests = Math.min(options.guests, new Set(selected.map(({ file }) => file)).size);
  const consoleLogs = await makeConsoleLogs(options.out, 'console', guests);
  const agentLogs = await makeConsoleLogs(options.out, 'agent', guests);
  await keepConfig(config, join(options.out, 'kernel.config'));

  const state = createState({
    run: await describeRun(options),
    subject,
    requirements,
    selected,
    leftOut,
    elsewhere,
    options: { ...options, guests },
    counted: instrumented === undefined ? undefined : await countedFiles(instrumented),
  });
  const store = createStore(join(options.out, 'results.json'), () => state.results());
  await store.save();
  options.onPlan(selected);

  const byId = new Map(selected.map((test) => [test.id, test]));
  let unread: string | undefined;
  const addStray = (incidents: readonly Incident[]): void => {
    unread ??= unreadLog(incidents);
    state.addStray(incidents);
    incidents.forEach((incident) => options.onStray(incident));
  };
  let over = false;
  try {
    if (options.link !== undefined) addStray(await takeUntold(options.link, consoleLogs[0]));
    const broken = await executeTests({
      settings: {
        on,
        consoleLogs,
        agentLogs,
        deadline: options.deadline,
        selected: selected.map(({ id }) => id),
        limits: limitsOf(requirements),
        ...(instrumented === undefined ? {} : { instrumented }),
      },
      tests: selected,
      bail: options.bail,
      signal,
      onStart(id) {
        const test = byId.get(id);
        if (test !== undefined) options.onStart(test);
      },
      onEnd(executed) {
        const test = byId.get(executed.id);
        // One that Ctrl-C has ended has no verdict, whatever comes of it.
        if (test === undefined || over) return;
        options.onEnd(test, state.add(executed));
        store.saveSoon();
      },
      onStray(incidents) {
        addStray(incidents);
        store.saveSoon();
      },
    });
    over = true;
    const unseen = options.link === undefined ? undefined : await closeLink(options.link, { store, state, addStray, consoleLog: consoleLogs[0] });
    if (signal.aborted) state.interrupted((signal.reason as Error).message);
    else if (unseen !== undefined) state.interrupted(unseen);
    else if (unread !== undefined) state.interrupted(unread);
    else state.ended(broken, options.bail);
  } catch (error) {
    state.interrupted(formatError(error).split('\n')[0] ?? 'the run failed');
  }
  await store.save();
  return state.results();
}

interface Closing {
  readonly store: Store;
  readonly state: State;
  readonly addStray: (incidents: readonly Incident[]) => void;
  readonly consoleLog: string | undefined;
}

/** Has the machine put back as it was, and looks at what its kernel says of it. Returns why that is not known, where it is not. */
async function closeLink(link: Link, { store, state, addStray, consoleLog }: Closing): Promise<string | undefined> {
  // It takes its time, and may be cut off.
  await store.save();
  const { left, unsure, unseen, taint } = await link.close();
  const incidents = await takeUntold(link, consoleLog);
  addStray(incidents);
  if (taint !== undefined) addStray(silentTaint(state.results(), taint, incidents));
  addStray(leftBehind(state.results(), left, unsure));
  return unseen;
}

/** What the kernel of a machine has said while no test looked; its lines go where the others are. */
async function takeUntold(link: Link, consoleLog: string | undefined): Promise<readonly Incident[]> {
  const { incidents, log } = link.takeUntold();
  if (consoleLog !== undefined && log !== '') await appendFile(consoleLog, log);
  return incidents;
}

/**
 * What was not put back as it was, and of what that is not known. That nothing can be killed or unloaded whose users are dead is the kernel's doing;
 * a setting or a folder may be somebody else's.
 */
export function leftBehind({ tests }: Pick<Results, 'tests'>, left: readonly string[], unsure: readonly string[]): readonly Incident[] {
  const at = new Date().toISOString();
  const boot = lastBoot(tests);
  return [
    ...left.map((excerpt): Incident => ({ kind: 'other', blame: /^left behind: (the module|processes) /.test(excerpt) ? 'kernel' : 'infrastructure', at, boot, excerpt })),
    ...unsure.map((excerpt): Incident => ({ kind: 'exit', blame: 'infrastructure', at, boot, excerpt })),
  ];
}

function lastBoot(tests: Results['tests']): number {
  return Math.max(1, ...tests.map((test) => test.boot ?? 1));
}

/** Why it is not known what a kernel said while no test ran, where it is not. A test to which it is lost is UNRESOLVED. */
export function unreadLog(stray: readonly Incident[]): string | undefined {
  if (stray.every(({ excerpt }) => !excerpt.includes(overwritten))) return undefined;
  return 'while no test ran a part of the kernel’s log was overwritten before it was read, so nobody has seen what it said';
}

/** A fault after the last test that the kernel's taint alone tells of; `told`: what its log has shown meanwhile. */
export function silentTaint({ tests }: Pick<Results, 'tests'>, after: number, told: readonly Incident[] = []): readonly Incident[] {
  if (told.some(({ blame }) => blame === 'kernel')) return [];
  const looks = tests.flatMap(({ taint }) => taint ?? []);
  // Before the first look there is nothing to compare with.
  if (looks.length === 0) return [];
  const before = looks.reduce((word, look) => word | look.before | look.after, 0);
  const gained = gainedByFault({ before, after });
  if (gained === 0) return [];
  const boot = lastBoot(tests);
  const excerpt = `taint ${gained} gained after the last test, and no word of it in the log`;
  return [{ kind: 'other', blame: 'kernel', at: new Date().toISOString(), boot, excerpt }];
}

interface Preparing extends RunOptions {
  /** The tests that are to run. */
  readonly selected: readonly PlannedTest[];
}

/** What is measured, and on what. */
interface Prepared {
  readonly on: QemuMachine | SshMachine;
  readonly subject: Subject;
  /** The kernel's configuration: a file, or its text; undefined where nobody knows it. */
  readonly config: { readonly file: string } | { readonly text: string } | undefined;
  readonly instrumented?: Instrumented | undefined;
}

async function prepare(options: Preparing): Promise<Prepared> {
  if (options.link !== undefined) return prepareRemote(options.link);
  return options.given === undefined ? prepareOurs(options) : prepareGivenRun(options, options.given);
}

function machineFor({ memoryMiB, cpus, guests, selected }: Preparing, kernel: BootableKernel, guest: GuestBuild): QemuMachine {
  // One test that is run again has the machine that it had in the whole run.
  const turns = cpusTakeTurns({ guests, cpus });
  return { driver: 'qemu', kernel, guest: { ...guest, hostPrograms: hostProgramsFor(selected) }, memoryMiB, cpus, turns };
}

/** It runs already; of what its files are, as much is on record as can be read. */
function prepareRemote({ socket, info, machine, kernel, taint }: Link): Prepared {
  const { release, version, buildId, config, image } = kernel;
  const subject: Subject = {
    kernel: {
      release,
      source: `the kernel that runs on ${info.address ?? '?'}`,
      flavour: 'given',
      version,
      ...(buildId === undefined ? {} : { buildId }),
      ...(image === undefined ? {} : { image: { sha256: image } }),
      ...(config === undefined ? {} : { config: { sha256: digestText(config) } }),
      patches: [],
    },
    modules: kernel.modules.flatMap(({ name, sha256 }) => (sha256 === undefined ? [] : [{ name, sha256 }])),
  };
  return { on: { driver: 'ssh', socket, info, machine, taint }, subject, config: config === undefined ? undefined : { text: config } };
}

async function prepareOurs(options: Preparing): Promise<Prepared> {
  const { signal, onBuild: onProgress } = options;
  const { binding, flavour } = options.selection;
  const choice = { version: options.kernelVersion, source: options.source, flavour, signal, onProgress };
  const patched = await ensureKernel(choice);
  const built = await ensureGuest(patched, 'release', { signal, onProgress });
  const unpatched = options.unpatched === true;
  const kernel = unpatched ? await ensureKernel({ ...choice, unpatched }) : patched;
  // What the kernel has of its own needs no module of AEM, and is measured without.
  const bare = unpatched || binding === 'native';
  const guest = bare ? { ...built, modules: [] } : built;
  const instrumented = kernel.flavour === 'coverage' && !bare ? await findInstrumented(kernel, guest) : undefined;
  return { on: machineFor(options, kernel, guest), subject: await describeSubject(kernel, guest), config: { file: kernel.config }, instrumented };
}

async function prepareGivenRun(options: Preparing, given: GivenKernel): Promise<Prepared> {
  const { signal, onBuild: onProgress } = options;
  const { release, source, image, config, modules, moduleTree } = given;
  const guest: GuestBuild = {
    variant: 'release',
    modules,
    programs: await ensurePrograms({ signal, onProgress }),
    ...(moduleTree === undefined ? {} : { moduleTree }),
  };
  const digested = async (name: string, path: string): Promise<Subject['modules'][number]> => ({ name, sha256: await digestFile(path) });
  const onDemand = moduleTree === undefined ? [] : (await listFiles(moduleTree)).filter((file) => file.endsWith('.ko'));
  const all = new Map([
    ...onDemand.map((file) => [basename(file, '.ko'), join(moduleTree ?? '', file)] as const),
    ...modules.map(({ name, path }) => [name, path] as const),
  ]);
  const subject: Subject = {
    kernel: {
      release,
      source,
      flavour: 'given',
      image: { sha256: await digestFile(image) },
      ...(config === undefined ? {} : { config: { sha256: digestText(config) } }),
      patches: [],
    },
    modules: await Promise.all([...all].map(([name, path]) => digested(name, path))),
  };
  return { on: machineFor(options, given, guest), subject, config: config === undefined ? undefined : { text: config } };
}

async function keepConfig(config: Prepared['config'], path: string): Promise<void> {
  await rm(path, { force: true });
  if (config === undefined) return;
  if ('file' in config) await copyFile(config.file, path);
  else await writeFile(path, config.text);
}

/** The figures of all requirements, by id and name. */
export function limitsOf(requirements: RequirementSet): Record<string, Record<string, number>> {
  return Object.fromEntries(
    requirements.requirements.map(({ id, limits }) => [
      id,
      Object.fromEntries(Object.entries(limits).map(([name, { value }]) => [name, value])),
    ]),
  );
}

async function describeRun(options: RunOptions): Promise<RunInfo> {
  return {
    startedAt: new Date().toISOString(),
    complete: false,
    command: options.command,
    filters: options.filters,
    ...(options.selection.binding === undefined ? {} : { binding: options.selection.binding }),
    suite: await describeSuite(),
  };
}

async function describeSubject(kernel: KernelBuild, guest: GuestBuild): Promise<Subject> {
  return {
    kernel: {
      release: kernel.release,
      source: kernel.source,
      flavour: kernel.flavour,
      image: { sha256: await digestFile(kernel.image) },
      config: { sha256: await digestFile(kernel.config) },
      patches: kernel.patches,
    },
    modules: await Promise.all(
      guest.modules.map(async ({ name, path }) => ({ name, sha256: await digestFile(path) })),
    ),
  };
}

interface StateParts {
  readonly run: RunInfo;
  readonly subject: Subject;
  readonly requirements: RequirementSet;
  readonly selected: readonly PlannedTest[];
  readonly leftOut: readonly PlannedTest[];
  readonly elsewhere: readonly PlannedTest[];
  readonly options: RunOptions;
  /** Where lines are counted, if they are. */
  readonly counted: readonly CountedFile[] | undefined;
}

interface State {
  add(executed: Executed): TestResult;
  addStray(incidents: readonly Incident[]): void;
  interrupted(why: string): void;
  ended(broken: readonly string[], bail: boolean): void;
  results(): Results;
}

function createState(parts: StateParts): State {
  const { selected, leftOut, elsewhere, options, counted } = parts;
  let run = parts.run;
  const { cpus, memoryMiB, guests } = options;
  let target: TargetInfo = options.link?.info ?? { driver: 'qemu', cpus, memoryMiB, guests };
  let kernelRelease = parts.subject.kernel.release;
  const done = new Map<string, TestResult>();
  const counting = new Set(selected.filter(hasOwnClock).map(({ id }) => id));
  const incidents: Incident[] = [];
  let boot: LinesByFile = {};
  const lines = new Map<string, LinesByFile>();
  const inputs = inputsOf(parts.requirements, options.selection.binding);
  const notRun = (id: string): TestResult => ({
    id,
    verdict: 'UNTESTED',
    durationMs: 0,
    assertions: 0,
    reason: run.interruption === undefined ? 'it was not run' : `it was not run: ${run.interruption}`,
  });
  return {
    add({ id, durationMs, evidence }) {
      const { incidents: seen, stray: _, by: __, target: on, lines: ran, ...result } = evidence;
      if (ran?.boot !== undefined) boot = uniteLines(boot, ran.boot);
      if (ran?.test !== undefined) lines.set(id, ran.test);
      if (on !== undefined && !(target.accelerator !== undefined && counting.has(id))) {
        target = on.info.driver === 'ssh' ? on.info : { ...on.info, guests };
        kernelRelease = on.release;
      }
      incidents.push(...seen.map((incident) => ({ ...incident, testId: id })));
      const test: TestResult = { ...result, id, durationMs: Math.round(durationMs) };
      done.set(id, test);
      return test;
    },
    addStray(stray) {
      incidents.push(...stray);
    },
    interrupted(why) {
      run = { ...run, interruption: why };
    },
    ended(broken, bail) {
      const missing = selected.filter(({ id }) => !done.has(id)).length;
      if (missing === 0 && broken.length === 0) {
        run = { ...run, complete: true, finishedAt: new Date().toISOString() };
        return;
      }
      const why = bail && broken.length === 0 ? 'stopped at the first test that did not pass (--bail)' : undefined;
      run = { ...run, interruption: broken[0] ?? why ?? `${missing} tests were not run` };
    },
    results() {
      const tests = selected.map(({ id }) => done.get(id) ?? notRun(id));
      return {
        version: 1,
        run,
        subject: { ...parts.subject, kernel: { ...parts.subject.kernel, release: kernelRelease } },
        target,
        plan: selected,
        ...(elsewhere.length === 0 ? {} : { elsewhere }),
        tests,
        requirements: deriveRequirementResults(inputs, selected, tests, [...leftOut]),
        incidents,
        ...(counted === undefined ? {} : { lines: { files: counted, boot, tests: Object.fromEntries(lines) } }),
      };
    },
  };
}

function uniteLines(a: LinesByFile, b: LinesByFile): LinesByFile {
  const files = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
  return Object.fromEntries(files.map((file) => [file, uniteRanges(a[file] ?? '', b[file] ?? '')]));
}

/** The suite at hand, as results are held against it. */
export async function suiteAtHand(): Promise<SuiteAtHand> {
  const requirements = await loadRequirements();
  return { ...(await describeSuite()), plan: await collectPlan(), inputsOf: (binding) => inputsOf(requirements, binding) };
}

/**
 * The requirements of a binding, or all; with those parents alone that are among them. One of which a clause is the
 * other binding's cannot be judged by this one: by what is left of it, it would pass too easily.
 */
export function inputsOf({ requirements }: Pick<RequirementSet, 'requirements'>, binding: Binding | undefined): readonly RequirementInput[] {
  const isWhole = ({ id, bindings }: (typeof requirements)[number]): boolean =>
    binding === undefined ||
    (bindings.includes(binding) &&
      // What AEM has to do for a clause stands beside it.
      requirements.every((child) => !child.parents.includes(id) || child.id.startsWith('AEM-') || isWhole(child)));
  const own = requirements.filter(isWhole);
  const ids = new Set(own.map(({ id }) => id));
  return own
    .map(toInput)
    .map((input) => ({ ...input, parents: input.parents.filter((id) => ids.has(id)) }));
}

function toInput(requirement: RequirementSet['requirements'][number]): RequirementInput {
  const { id, title, statement, priority, mandatory, verification, bindings, parents, standing } = requirement;
  const { source, file, line } = requirement;
  return {
    id,
    title,
    statement,
    priority,
    mandatory,
    verification,
    bindings,
    parents,
    ...(standing === undefined ? {} : { standing }),
    source,
    file,
    line,
  };
}

/** Milliseconds between two writes while tests end. */
const saveInterval = 1_000;

/** Keeps a file as it should be: whole at any time, and not much behind. */
interface Store {
  save(): Promise<void>;
  saveSoon(): void;
}

function createStore(path: string, results: () => Results): Store {
  let timer: NodeJS.Timeout | undefined;
  let saving: Promise<void> = Promise.resolve();
  const write = async (): Promise<void> => {
    const fresh = `${path}.${process.pid}`;
    await writeFile(fresh, `${JSON.stringify(results(), null, 1)}\n`);
    await rename(fresh, path);
  };
  const save = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    // One that failed, for want of room, is no reason not to try the next.
    saving = saving.catch(() => undefined).then(write);
    return saving;
  };
  return {
    save,
    saveSoon() {
      timer ??= setTimeout(() => void save().catch(() => undefined), saveInterval);
    },
  };
}
