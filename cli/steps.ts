// SPDX-License-Identifier: GPL-2.0-only
import { execa } from 'execa';
import { ExitStatus, formatError, AemcertError } from '../lib/errors.ts';
import { projectRoot } from '../lib/paths.ts';

export interface Step {
  readonly title: string;
  /** Throws, or returns false, when it found something wrong; prints what. */
  readonly run: () => Promise<boolean>;
}

/**
 * Runs every step, also after one has failed, each under a heading and with its time, and ends
 * with a summary. The exit status: 0 when all went well, 3 when a step could not be done, else 1.
 */
export async function runSteps(what: string, steps: readonly Step[]): Promise<ExitStatus> {
  const failed: string[] = [];
  let status: ExitStatus = ExitStatus.Conformant;
  for (const [index, { title, run }] of steps.entries()) {
    process.stdout.write(`\n== ${index + 1}/${steps.length} ${title}\n`);
    const started = Date.now();
    const problem = await attempt(run);
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    process.stdout.write(`-- ${problem === undefined ? 'ok' : 'FAILED'}, ${seconds} s\n`);
    if (problem === undefined) continue;
    failed.push(title);
    if (status !== ExitStatus.Infrastructure) status = problem;
  }
  const verdict =
    failed.length === 0 ? `all ${steps.length} steps went well` : `failed: ${failed.join(', ')}`;
  process.stdout.write(`\n${what}: ${verdict}\n`);
  return status;
}

async function attempt(run: Step['run']): Promise<ExitStatus | undefined> {
  try {
    return (await run()) ? undefined : ExitStatus.NotConformant;
  } catch (error) {
    process.stdout.write(`${formatError(error)}\n`);
    const infrastructure = !(error instanceof AemcertError) || error.exitStatus === ExitStatus.Infrastructure;
    return infrastructure ? ExitStatus.Infrastructure : ExitStatus.NotConformant;
  }
}

/** Runs a program in the project's folder, its output ours. True when it ended with status 0. */
export async function runVisibly(file: string, args: readonly string[]): Promise<boolean> {
  const { failed, exitCode, shortMessage } = await execa(file, args, {
    cwd: projectRoot,
    stdin: 'ignore',
    stdout: 'inherit',
    stderr: 'inherit',
    reject: false,
  });
  if (failed && exitCode === undefined) process.stdout.write(`${shortMessage}\n`);
  return !failed;
}

/** Runs the command of an npm package that is installed here. */
export function runTool(script: string, args: readonly string[]): Promise<boolean> {
  return runVisibly(process.execPath, [`node_modules/${script}`, ...args]);
}
