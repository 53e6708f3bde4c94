// SPDX-License-Identifier: GPL-2.0-only
import { stripVTControlCharacters } from 'node:util';
import { stripPrefix } from '../lib/printk.ts';
import type { Incident, PlannedTest, RequirementResult, Results, RunInfo, TargetInfo } from './results.ts';
import { tainted } from './taint.ts';

/**
 * Takes out what no report may carry: terminal sequences and characters that XML 1.0 forbids (lone surrogates
 * included). Line ends become LF, tabs stay.
 */
export function plain(text: string): string {
  const visible = stripVTControlCharacters(text.replace(/\r\n?/g, '\n'))
    // eslint-disable-next-line no-control-regex -- these are what is to go
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffe\uffff]/g, '');
  return mendSurrogates(visible);
}

function mendSurrogates(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd');
}

/** One line of plain text, blanks collapsed. */
export function oneLine(text: string): string {
  return plain(text).replace(/\s+/g, ' ').trim();
}

/** At most `limit` characters; the middle of a longer text gives way to a note of how much was cut. */
export function clip(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const head = Math.ceil(limit / 2);
  const tail = limit - head;
  const note = `\n[… ${text.length - limit} characters cut; results.json has them all …]\n`;
  return mendSurrogates(text.slice(0, head) + note + text.slice(text.length - tail));
}

/** At most `limit` characters of one line, ended by an ellipsis when cut. */
export function clipLine(text: string, limit: number): string {
  const line = oneLine(text);
  return line.length <= limit ? line : mendSurrogates(`${line.slice(0, Math.max(0, limit - 1)).trimEnd()}…`);
}

/** Quotes one argument for a POSIX shell, only when it needs to be. */
export function shellQuote(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}

/** The command that runs one test again. */
export function rerunCommand({ title }: Pick<PlannedTest, 'title'>, target?: TargetInfo): string {
  return `npx aemcert run ${onTarget(target)}--grep ${shellQuote(title)}`;
}

/** What has a command run on the same machine. */
function onTarget({ address, destructive }: Partial<TargetInfo> = {}): string {
  if (address === undefined) return '';
  return `--target ${shellQuote(address)} ${destructive === true ? '--destructive ' : ''}`;
}

/** The command that runs every test of a requirement again. */
export function rerunRequirement(id: string, target?: TargetInfo): string {
  return `npx aemcert run ${onTarget(target)}--requirement ${shellQuote(id)}`;
}

/** By what a test exercises its requirement: `native: epoll`, or the binding alone. */
export function exercisedBy({ binding, facility }: Pick<PlannedTest, 'binding' | 'facility'>): string {
  return facility === undefined ? binding : `${binding}: ${facility}`;
}

/** By which facilities a requirement is met, and by which not: `PASS epoll, io_uring; UNSUPPORTED aio`. */
export function byFacility({ facilities = [] }: Pick<RequirementResult, 'facilities'>): string {
  const verdicts = [...new Set(facilities.map(({ verdict }) => verdict))];
  return verdicts
    .map((verdict) => {
      const names = facilities.filter((one) => one.verdict === verdict).map(({ facility }) => facility);
      return `${verdict} ${names.join(', ')}`;
    })
    .join('; ');
}

/** How many tests a run on this flavour has not, and where they are: `2 tests of other flavours (debug)`. */
export function elsewhere(tests: readonly PlannedTest[]): string {
  const flavours = [...new Set(tests.flatMap((test) => test.flavours ?? []))].sort();
  return `${plural(tests.length, 'test')} of other flavours (${flavours.join(', ')})`;
}

/** A duration for people: `12 ms`, `1.4 s`, `12 s`, `3 min 07 s`, `1 h 02 min`. */
export function formatDuration(ms: number): string {
  if (ms < 999.5) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = ms / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const pad = (value: number): string => String(value).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`;
}

/** `1 test`, `2 tests`. */
export function plural(count: number, noun: string, many = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : many}`;
}

/** The line of an incident that says most. */
export function toldLine({ excerpt }: Pick<Incident, 'excerpt'>): string {
  const lines = excerpt.split('\n').map((line) => stripPrefix(line).trim());
  const telling = [/Kernel panic/, /BUG:|WARNING:|Oops:|INFO:|Killed process|kernel BUG at/];
  const found = telling.map((pattern) => lines.find((line) => pattern.test(line))).find((line) => line !== undefined);
  return found ?? lines.find((line) => line !== '') ?? 'nothing on the console';
}

/** What a reader has to know of a suite that is not one that others can check out. */
export function suiteRemarks({ dirty, revision }: RunInfo['suite']): readonly string[] {
  // As describeSuite() has it without git: a digest.
  if (/^[0-9a-f]{64}$/.test(revision)) return ['The suite’s revision is unknown: it did not run from a git checkout, so it may have been changed.'];
  return dirty ? [`The suite is not the released revision: its files have changed since ${revision}.`] : [];
}

/** What a reader has to know of a machine that somebody runs: what could not be seen there, and what was not done. */
export function targetRemarks({ target, subject, tests }: Pick<Results, 'target' | 'subject' | 'tests'>): readonly string[] {
  const { address, user, logUnwatched, destructive, unknownModules } = target;
  if (target.driver !== 'ssh') return [];
  const { image, buildId, release } = subject.kernel;
  const before = tests.some(({ taint }) => taint !== undefined && tainted(taint.before));
  return [
    ...(logUnwatched === undefined
      ? []
      : [
          `The kernel’s log could not be watched (${logUnwatched}): a complaint that does not taint the kernel, such as of a hung task or a stall, would not have been seen.`,
          ...(before ? ['The kernel was tainted by a fault before: another one of that kind would not have been seen.'] : []),
        ]),
    ...(user === 'root' ? [] : [`The tests ran as ${user ?? 'another user'}: what needs root is UNTESTED.`]),
    ...(destructive === true ? [] : ['What may disturb other programs of the machine, or stop it, is UNTESTED: it was not allowed (--destructive).']),
    image === undefined
      ? `The kernel’s image is not on record: ${address ?? 'the machine'} says of itself what it is (/proc/version${buildId === undefined ? '' : ', build id'}).`
      : `The kernel’s image is /boot/vmlinuz-${release} of the machine; that it is the one that runs nobody has seen.`,
    ...(unknownModules === undefined ? [] : [`Of these modules the files are not on record: ${unknownModules.join(', ')}.`]),
  ];
}

/** What it ran on, in short: `qemu, tcg`, or the machine and as whom. */
export function targetName({ driver, accelerator, address, user }: TargetInfo): string {
  return [address ?? driver, accelerator, user === undefined ? undefined : `as ${user}`].filter((part) => part !== undefined).join(', ');
}

/** What the tests ran on: e.g. `2 CPUs, 512 MiB`, or `2 guests of 2 CPUs in turns, 512 MiB each`. */
export function guestsOf({ guests = 1, cpus, turns, memoryMiB }: TargetInfo): string {
  const each = `${plural(cpus, 'CPU')}${turns === true ? ' in turns' : ''}, ${memoryMiB} MiB`;
  return guests === 1 ? each : `${guests} guests of ${each} each`;
}
