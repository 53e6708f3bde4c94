// SPDX-License-Identifier: GPL-2.0-only
import { join, relative } from 'node:path';
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { abortOnSignal } from '../../lib/abort-on-signal.ts';
import { checkWritable } from '../../lib/make-folder.ts';
import { renderFiles } from '../../reporters/bench/fd.ts';
import type { FileResults } from '../../reporters/bench/fd.ts';
import { writeHttp } from '../../reporters/bench/http-write.ts';
import { renderHttp } from '../../reporters/bench/http.ts';
import type { HttpResults } from '../../reporters/bench/http.ts';
import { labelOf, processLabelOf } from '../../reporters/bench/mechanisms.ts';
import type { BenchClock, BenchResults } from '../../reporters/bench/results.ts';
import { grouped } from '../../reporters/bench/row.ts';
import { renderSched } from '../../reporters/bench/sched.ts';
import type { SchedResults } from '../../reporters/bench/sched.ts';
import { renderTable } from '../../reporters/bench/table.ts';
import { renderTimers } from '../../reporters/bench/timer.ts';
import type { TimerResults } from '../../reporters/bench/timer.ts';
import { writeBench } from '../../reporters/bench/write.ts';
import { plural } from '../../reporters/text.ts';
import { writeAtomically } from '../../reporters/write.ts';
import { measureFiles } from '../../suites/scalability/measure-fd.ts';
import { measureHttp } from '../../suites/scalability/measure-http.ts';
import { measureSched } from '../../suites/scalability/measure-sched.ts';
import { measureTimers } from '../../suites/scalability/measure-timer.ts';
import { measureCore } from '../../suites/scalability/measure.ts';
import type { Begun, BuildAsked } from '../../suites/scalability/measure.ts';
import { buildProgressView } from '../build-progress.ts';
import { kernelVersion, positive } from '../option-values.ts';

interface Options {
  readonly quick?: true;
  readonly out: string;
  readonly kernelVersion?: string;
  readonly memory: number;
  readonly idle?: readonly number[];
}

/** `aemcert bench`: what AEM costs, beside what else there is. */
export function register(program: Command): void {
  const bench = program
    .command('bench')
    .description('measure what events cost, by AEM and by what else Linux has')
    .showHelpAfterError('(aemcert bench --help tells what there is)')
    .addHelpText('after', '\nExamples:\n  $ aemcert bench core\n  $ aemcert bench core --quick\n  $ aemcert bench timer\n  $ aemcert bench fd\n  $ aemcert bench sched\n  $ aemcert bench http');

  bench
    .command('core')
    .description('AEM, epoll, io_uring, real-time signals, poll: instructions per event, memory, handler processes')
    .option('-q, --quick', 'fewer rounds, and no more than 10,000 idle registrations')
    .option('--idle <counts>', 'idle registrations, with commas between (default: 1,1000,100000,1000000,4000000)', counts)
    .option('-o, --out <dir>', 'where bench-core.json and the pictures go', 'reports')
    .addOption(kernelVersion())
    .option('--memory <MiB>', 'of the guest', positive, 768)
    .addHelpText('after', `
The guest has one CPU and runs twice: by a clock that counts instructions, whose
figures are the same each time, and by the host's, whose figures are not.
Events are raised one at a time and 64 at once, beside 1 to 4,000,000 idle ones:
more than 1,000,000 only in instructions, and where they fit into the memory;
with no other count the guest runs once, by the clock of instructions.
Then processes of their own handle them, of an owner of little and of 64 MiB memory.
What each mechanism delivered is counted: one event too few or too many is an error.

Exit status: 0 measured, 1 events were lost or came twice, 2 usage,
3 could not tell: the machine or the target failed.

Examples:
  $ aemcert bench core
  $ aemcert bench core --quick --out /tmp/bench
  $ aemcert bench core --idle 1,1000
  $ aemcert bench core --memory 1536`)
    .action(core);

  bench
    .command('timer')
    .description('timers: what they cost, how late their handlers run')
    .option('-q, --quick', 'no more than 10,000 armed timers, fewer expirations')
    .option('--armed <counts>', 'armed timers, with commas between (default: 1,1000,100000,1000000)', counts)
    .option('-o, --out <dir>', 'where bench-timer.json goes', 'reports')
    .addOption(kernelVersion())
    .option('--memory <MiB>', 'of the guest', positive, 768)
    .addHelpText('after', `
The guest has one CPU and a clock that counts instructions, so the figures are the
same each time. How much later than due a handler runs is told as a distribution.
Each timer has to expire, once, and not early: if not, it is an error.

Exit status: 0 measured, 1 a timer was early or expired twice, 2 usage,
3 could not tell: the machine or the target failed.

Examples:
  $ aemcert bench timer
  $ aemcert bench timer --quick --out /tmp/bench`)
    .action(timer);

  bench
    .command('fd')
    .description('files: what it costs that they can be watched, and to watch them')
    .option('-q, --quick', 'fewer operations')
    .option('-o, --out <dir>', 'where bench-fd.json goes', 'reports')
    .addOption(kernelVersion())
    .option('--memory <MiB>', 'of the guest', positive, 512)
    .addHelpText('after', `
Opening, reading, writing, locking and changing the mode of a file: on the kernel
without AEM, with aem-fd not loaded, loaded, watching another file, watching this
one; and with inotify watching it. The guest has one CPU and a clock that counts
instructions. What was told is counted: one event too few or too many is an error.

Exit status: 0 measured, 1 events were lost or came twice, 2 usage,
3 could not tell: the machine or the target failed.

Examples:
  $ aemcert bench fd
  $ aemcert bench fd --quick --out /tmp/bench`)
    .action(files);

  bench
    .command('sched')
    .description('aem-sched: how late handlers are beside processes that compute, without it and with it')
    .option('-q, --quick', 'fewer events, beside 0, 1 and 4 competitors')
    .option('--busy <counts>', 'competitors, with commas between (default: 0,1,2,4,8)', competitors)
    .option('-o, --out <dir>', 'where bench-sched.json goes', 'reports')
    .addOption(kernelVersion())
    .option('--cpus <count>', 'of the guest that has several', positive, 2)
    .option('--memory <MiB>', 'of the guest', positive, 512)
    .addHelpText('after', `
A timer expires on each CPU in turn; the thread that waits for it may run on any. How late
its handlers are is measured in a guest of one CPU with a clock that counts instructions, so
the figures are the same each time; where they run, in one of several CPUs. Each event has
to be delivered, once, and not early: if not, it is an error.

Exit status: 0 measured, 1 events were lost, early or came twice, 2 usage,
3 could not tell: the machine or the target failed.

Examples:
  $ aemcert bench sched
  $ aemcert bench sched --busy 1,8 --cpus 4 --out /tmp/bench`)
    .action(sched);

  bench
    .command('http')
    .description('AEMhttpd by AEM, epoll, io_uring and select(): 100 active connections beside idle ones')
    .option('-q, --quick', 'beside no idle connection and 1,000, in instructions alone')
    .option('--idle <counts>', 'idle connections, with commas between (default: 0,1000,10000,20000)', connections)
    .option('--requests <count>', 'for each figure', positive, 3000)
    .option('-o, --out <dir>', 'where bench-http.json and its picture go', 'reports')
    .addOption(kernelVersion())
    .option('--memory <MiB>', 'of the guest', positive, 1024)
    .addHelpText('after', `
The same server is asked for a file of 1 KiB over and over by ab, on 100 connections, while
others are open and say nothing. It runs by each of its event layers, beside each number of
idle connections, in a guest with one CPU: by a clock that counts instructions, then by the
host's. An answer that is lost, or is an error, is an error.

Exit status: 0 measured, 1 a request was not answered well, 2 usage,
3 could not tell: the machine or the target failed.

Examples:
  $ aemcert bench http
  $ aemcert bench http --quick --out /tmp/bench
  $ aemcert bench http --idle 0,5000 --requests 10000`)
    .action(http);
}


interface Progress extends BuildAsked {
  say(message: string, done?: number, total?: number): void;
}

/** Measures, leaves what was measured in a folder and tells it. */
async function report<Results>(
  { out, kernelVersion: version }: Pick<Options, 'out' | 'kernelVersion'>,
  measure: (progress: Progress) => Promise<Results>,
  render: (results: Results) => string,
  write: (results: Results, out: string) => Promise<readonly string[]>,
): Promise<void> {
  const interruption = abortOnSignal();
  const view = buildProgressView(process.stderr);
  try {
    await checkWritable(out);
    const results = await measure({
      command: ['aemcert', ...process.argv.slice(2)],
      kernelVersion: version,
      signal: interruption.signal,
      onBuild: view.show,
      say: (message, done, total) =>
        view.show({ stage: 'programs', message, ...(done === undefined || total === undefined ? {} : { done, total }) }),
    });
    view.done();
    const paths = await write(results, out);
    process.stdout.write(render(results));
    process.stdout.write(`Report${paths.length > 1 ? 's' : ''}: ${paths.map((path) => relative('.', path)).join(', ')}\n`);
  } finally {
    view.done();
    interruption.dispose();
  }
}

/** Writes bench-NAME.json into a folder. */
function asJson(name: string): (results: unknown, out: string) => Promise<readonly string[]> {
  return async (results, out) => {
    const path = join(out, `bench-${name}.json`);
    await writeAtomically(path, `${JSON.stringify(results, undefined, 2)}\n`, out);
    return [path];
  };
}

function files(options: Options): Promise<void> {
  const { quick, memory } = options;
  const measure = ({ say, ...progress }: Progress): Promise<FileResults> =>
    measureFiles({
      ...progress,
      batches: quick === true ? 10 : 60,
      memoryMiB: memory,
      onBoot: () => say('booting'),
      onBegin: (how) => say(`measuring: ${how}`),
    });
  return report(options, measure, renderFiles, asJson('fd'));
}

interface TimerOptions extends Pick<Options, 'quick' | 'out' | 'kernelVersion' | 'memory'> {
  readonly armed?: readonly number[];
}

function timer(options: TimerOptions): Promise<void> {
  const { quick, armed, memory } = options;
  const measure = ({ say, ...progress }: Progress): Promise<TimerResults> =>
    measureTimers({
      ...progress,
      idle: armed ?? (quick === true ? [1, 1000, 10_000] : [1, 1000, 100_000, 1_000_000]),
      samples: quick === true ? 500 : 5000,
      memoryMiB: memory,
      onBoot: () => say('booting'),
      onBegin: (idle, done, total) => say(`measuring beside ${grouped(idle)} timers`, done, total),
    });
  return report(options, measure, renderTimers, asJson('timer'));
}

interface SchedOptions extends Pick<Options, 'quick' | 'out' | 'kernelVersion' | 'memory'> {
  readonly busy?: readonly number[];
  readonly cpus: number;
}

function sched(options: SchedOptions): Promise<void> {
  const { quick, busy, cpus, memory } = options;
  const measure = ({ say, ...progress }: Progress): Promise<SchedResults> =>
    measureSched({
      ...progress,
      busy: busy ?? (quick === true ? [0, 1, 4] : [0, 1, 2, 4, 8]),
      samples: quick === true ? 100 : 500,
      cpus,
      memoryMiB: memory,
      onBoot: (count) => say(`booting, with ${plural(count, 'CPU')}`),
      onBegin: (begun, done, total) =>
        say(
          `measuring ${begun.loaded ? 'with' : 'without'} aem-sched on ${plural(begun.cpus, 'CPU')}, beside ${plural(begun.busy, 'competitor')}`,
          done,
          total,
        ),
    });
  return report(options, measure, renderSched, asJson('sched'));
}

/** A guest of more memory has room for more, and clients have so many ports. */
const mostConnections = 25_000;

function connections(value: string): readonly number[] {
  return columns(value.split(',').map((text) => (text === '0' ? 0 : positive(text))), mostConnections);
}

interface HttpOptions extends Pick<Options, 'quick' | 'idle' | 'out' | 'kernelVersion' | 'memory'> {
  readonly requests: number;
}

function http(options: HttpOptions): Promise<void> {
  const { quick, idle, requests, memory } = options;
  const measure = ({ say, ...progress }: Progress): Promise<HttpResults> =>
    measureHttp({
      ...progress,
      clocks: quick === true ? ['icount'] : ['icount', 'host'],
      idle: idle ?? (quick === true ? [0, 1000] : [0, 1000, 10_000, 20_000]),
      requests,
      memoryMiB: memory,
      onBoot: (clock) => say(`booting, to measure ${phases[clock]}`),
      onBegin: ({ clock, layer, idle: beside }, done, total) => say(`measuring ${phases[clock]}: ${layer}, ${grouped(beside)} idle`, done, total),
    });
  return report(options, measure, renderHttp, writeHttp);
}

const phases: Readonly<Record<BenchClock, string>> = { icount: 'in instructions', host: 'by the host’s clock' };

/** More have no room in any guest, and the guest's bench reads 32 bits. */
const mostIdle = 100_000_000;

/** Numbers with commas between; as many as the guest's bench takes, each once: a table has one column for it. */
function counts(value: string): readonly number[] {
  return columns(value.split(',').map(positive), mostIdle);
}

/** More are a guest that does nothing else. */
const mostBusy = 64;

/** As counts(), and none is a number, too. */
function competitors(value: string): readonly number[] {
  return columns(value.split(',').map((text) => (text === '0' ? 0 : positive(text))), mostBusy);
}

function columns(numbers: readonly number[], most: number): readonly number[] {
  if (numbers.length > 16) throw new InvalidArgumentError('At most 16 numbers are expected.');
  if (numbers.some((number) => number > most)) throw new InvalidArgumentError(`At most ${most} is expected.`);
  if (new Set(numbers).size < numbers.length) throw new InvalidArgumentError('Each number once is expected.');
  return numbers;
}

function idleOf({ quick, idle }: Options): readonly number[] {
  return idle ?? (quick === true ? [1, 1000, 10_000] : [1, 1000, 100_000, 1_000_000, 4_000_000]);
}

function nameOf({ mechanism, idle, ownerMiB }: Begun): string {
  if (idle !== undefined) return `${labelOf(mechanism)}, ${grouped(idle)} idle`;
  return `${processLabelOf(mechanism)}, owner of ${ownerMiB ?? 0} MiB`;
}

function core(options: Options): Promise<void> {
  const measure = ({ say, ...progress }: Progress): Promise<BenchResults> =>
    measureCore({
      ...progress,
      quick: options.quick === true,
      idle: idleOf(options),
      memoryMiB: options.memory,
      onBoot: (clock) => say(`booting, to measure ${phases[clock]}`),
      onBegin: (clock, begun) => say(`measuring ${phases[clock]}: ${nameOf(begun)}`, begun.done, begun.plan),
    });
  return report(options, measure, renderTable, writeBench);
}
