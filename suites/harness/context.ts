// SPDX-License-Identifier: GPL-2.0-only
import { AgentError } from '../../kernel/target/agent/client.ts';
import type { GuestOutput, GuestProcess, SpawnOptions, Target } from '../../kernel/target/target.ts';
import { within } from '../../lib/within.ts';
import { ExpectationError, MissingEventError, UnsupportedError, unexpected } from './expectation.ts';
import { startProbe } from './probe.ts';
import type { Probe } from './probe.ts';
import type { SessionSettings } from './session.ts';

/** What a test is given. Everything that it starts in the guest ends with it. */
export interface Context {
  readonly target: Target;
  /** A user who may no more than others: for programs, where it does not matter which. */
  readonly ordinary: SpawnOptions;
  /** Starts a probe; as the target's own user without options, which is root but for machines of others. */
  probe(options?: SpawnOptions & { readonly argv?: readonly string[] }): Promise<Probe>;
  /** Starts a program in the guest. */
  spawn(argv: readonly string[], options?: SpawnOptions): Promise<GuestProcess>;
  /** Runs a program in the guest to its end. */
  run(argv: readonly string[], options?: SpawnOptions): Promise<GuestOutput>;
  /** Runs a shell command as root; it has to succeed. Returns its stdout, trimmed. */
  sh(command: string): Promise<string>;
  /** Waits until a shell command of root's succeeds; the guest tries it again and again. */
  until(condition: string): Promise<void>;
  /** Waits until a process is in a state, by proc(5): S sleeping, T stopped. */
  inState(pid: number, state: 'S' | 'T'): Promise<void>;
  /** A figure of the requirement. */
  limit(name: string): number;
  /** Waits for the next line of a process. */
  line(process: GuestProcess): Promise<string>;
  /** Ends the test: the subject lacks an optional feature. */
  unsupported(reason: string): never;
  /** To be done when the test has ended, in reverse order. */
  after(action: () => Promise<unknown>): void;
}

const sigkill = 9;

/** One that takes no input has failed its test; it is no fault of the way there. */
function takingInput(process: GuestProcess): GuestProcess {
  return { ...process, write: (text) => process.write(text).catch(unexpected('the program to take its input', process.stderr)) };
}

export function createContext(
  settings: SessionSettings,
  target: Target,
  ids: readonly string[],
  fault: string | undefined,
  cleanups: (() => Promise<unknown>)[],
): Context {
  const env = fault === undefined ? {} : { AEM_FAULT: fault };
  const catches = fault !== undefined && ids.includes(fault);
  const deadline = catches ? (settings.faultDeadline ?? settings.deadline) : settings.deadline;
  const withEnv = (options: SpawnOptions): SpawnOptions => ({ ...options, env: { ...env, ...options.env } });
  const owned = (process: GuestProcess): GuestProcess => {
    // With its group: what it started ends with it.
    cleanups.push(async () => {
      await process.killGroup(sigkill).catch(() => undefined);
      await process.kill(sigkill).catch(() => undefined);
      await process.exited;
    });
    return process;
  };
  const context: Context = {
    target,
    ordinary: target.root ? { uid: 1001, gid: 1001 } : {},
    async probe({ argv = ['probe'], ...options } = {}) {
      const probe = await startProbe(target, deadline, { argv, ...withEnv(options) });
      owned(probe.process);
      return probe;
    },
    spawn: async (argv, options = {}) => takingInput(owned(await target.spawn(argv, withEnv(options)))),
    run: (argv, options = {}) => target.exec(argv, withEnv(options)),
    async sh(command) {
      const output = await target.exec(['sh', '-c', command], withEnv({}));
      if (output.status !== 0) {
        throw new ExpectationError(`\`${command}\` to succeed`, `status ${output.status ?? '?'}: ${output.stderr}`);
      }
      return output.stdout.trim();
    },
    async until(condition) {
      const seconds = String(deadline / 1000);
      const { status, stderr } = await target.exec(['timeout', seconds, 'sh', '-c', `until ${condition}; do :; done`], withEnv({}));
      if (status !== 0) throw new MissingEventError(`\`${condition}\` within ${seconds} s`, `it fails all the time ${stderr}`.trim());
    },
    async inState(pid, state) {
      // Asked for by the agent, which starts no program for it.
      const path = `/proc/${pid}/status`;
      const end = performance.now() + deadline;
      for (let seen = ''; !seen.includes(`\nState:\t${state}`); ) {
        if (performance.now() > end) throw new MissingEventError(`state ${state} of ${pid} within ${deadline / 1000} s`, seen.split('\n')[2] ?? 'no such process');
        seen = await target.readFile(path).then(String, (error: unknown) => {
          if (error instanceof AgentError) return '';
          throw error;
        });
      }
    },
    limit(name) {
      for (const id of ids) {
        const value = settings.limits[id]?.[name];
        if (value !== undefined) return value;
      }
      throw new Error(`no limit ${name} in ${ids.join(', ')}`);
    },
    async line(process) {
      const late = (): Error => new MissingEventError(`a line within ${deadline / 1000} s`, 'none');
      const next = await within(deadline, process.lines.next(), late);
      if (next.done === true) throw new ExpectationError('a line', `the end of the output ${process.stderr()}`);
      return next.value;
    },
    unsupported(reason) {
      throw new UnsupportedError(reason);
    },
    after(action) {
      cleanups.push(action);
    },
  };
  return context;
}
