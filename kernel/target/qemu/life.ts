// SPDX-License-Identifier: GPL-2.0-only
import type { ChildProcess } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import type { Incident } from '../../../reporters/results.ts';
import type { Life } from '../agent/target.ts';
import type { ConsoleWatch } from '../console/watch.ts';
import { ranStaleCode } from './stale-code.ts';

/** What of a boot its end has to know. */
export interface LifeOptions {
  /** Which boot of the run, from 1. */
  readonly boot: number;
  /** Everything the console says is appended to this file. */
  readonly consoleLog?: string;
}

/** Lines before a panic in which its cause is looked for. */
const causeLines = 160;

/** Tells of the end of the QEMU process, and who is to blame for it. */
export function watchLife(qemu: ChildProcess, watch: ConsoleWatch, options: LifeOptions): Life {
  let expected = false;
  let silent = false;
  let stderr = '';
  qemu.stdout?.setEncoding('utf8').on('data', (text: string) => {
    watch.push(text);
    if (options.consoleLog === undefined) return;
    try {
      appendFileSync(options.consoleLog, text);
    } catch {
      // A full disk: what the tests need of the console they have.
    }
  });
  qemu.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const died = new Promise<Incident>((resolve) => {
    const settle = (kind: Incident['kind'], blame: Incident['blame'], excerpt: string): void => {
      resolve({ kind, blame, at: new Date().toISOString(), boot: options.boot, excerpt });
    };
    qemu.once('error', (error) => settle('exit', 'infrastructure', `QEMU: ${error.message}`));
    // `close`, not `exit`: the console has been read to its end.
    qemu.once('close', (code, signal) => {
      const panic = watch.panic();
      const tail = watch.tail(30).join('\n');
      if (panic !== undefined) settle('panic', ...blameForPanic(watch, panic.excerpt));
      else if (silent) settle('silent', 'kernel', `no answer and no console output\n${tail}`);
      else if (expected) settle('exit', 'infrastructure', 'it was shut down');
      else if (signal !== null) settle('exit', 'infrastructure', `QEMU was killed by ${signal}\n${tail}`);
      else if (code === 0) settle('exit', 'kernel', `the machine reset itself\n${tail}`);
      else settle('exit', 'infrastructure', `QEMU exited with ${String(code)}: ${ownWords(stderr)}\n${tail}`);
    });
  });
  return {
    died,
    expected() {
      expected = true;
    },
    silent() {
      silent = true;
      qemu.kill('SIGKILL');
    },
  };
}

/** Who is to blame for a panic, and the console's lines of it: what led to it is worth more than what follows it. */
function blameForPanic(watch: ConsoleWatch, excerpt: readonly string[]): [Incident['blame'], string] {
  const tail = watch.tail(causeLines);
  const before = tail.slice(0, Math.max(0, tail.indexOf(excerpt[0] ?? '')));
  if (!ranStaleCode(before)) return ['kernel', [...before.slice(-40), ...excerpt].join('\n')];
  return ['infrastructure', [staleCode, ...before.slice(-80), ...excerpt].join('\n')];
}

const staleCode = 'QEMU ran code that is in memory no more: an int3 that Linux had put where it changes itself';

/** QEMU's words without those about what TCG does not emulate. */
function ownWords(stderr: string): string {
  return stderr
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.includes("TCG doesn't support"))
    .join('\n');
}
