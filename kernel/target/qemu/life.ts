// SPDX-License-Identifier: GPL-2.0-only
import type { ChildProcess } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import type { Incident } from '../../../reporters/results.ts';
import type { ConsoleWatch, Sighting } from '../console/watch.ts';

/** The end of the QEMU process, and who is to blame for it. */
export interface Life {
  readonly died: Promise<Incident>;
  /** From now on an end is what was asked for. */
  expected(): void;
  /** The guest answers no more. */
  silent(): void;
}

/** What of a boot its end has to know. */
export interface LifeOptions {
  /** Which boot of the run, from 1. */
  readonly boot: number;
  /** Everything the console says is appended to this file. */
  readonly consoleLog?: string;
}

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
      if (panic !== undefined) settle('panic', 'kernel', panicExcerpt(watch, panic.excerpt));
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

/** What led to the panic is worth more than what follows it. */
function panicExcerpt(watch: ConsoleWatch, excerpt: readonly string[]): string {
  const tail = watch.tail(80);
  const at = tail.indexOf(excerpt[0] ?? '');
  return [...tail.slice(Math.max(0, at - 40), at), ...excerpt].join('\n');
}

/** QEMU's words without those about what TCG does not emulate. */
function ownWords(stderr: string): string {
  return stderr
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.includes("TCG doesn't support"))
    .join('\n');
}

/** What the console showed, as an incident of the results. */
export function toIncident({ kind, excerpt }: Sighting, boot: number, blame: Incident['blame']): Incident {
  return { kind, blame, at: new Date().toISOString(), boot, excerpt: excerpt.join('\n') };
}
