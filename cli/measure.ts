// SPDX-License-Identifier: GPL-2.0-only
/** A run of the suites as commands do it: progress and summary on the terminal, Ctrl-C, a folder of its own. */
import { join, relative } from 'node:path';
import type { OnProgress } from '../kernel/build/progress.ts';
import { abortOnSignal } from '../lib/abort-on-signal.ts';
import { claimFolder } from '../lib/claim-folder.ts';
import { resultsFile } from '../reporters/bundle/make.ts';
import type { Results } from '../reporters/results.ts';
import { createProgress } from '../reporters/terminal/progress.ts';
import { wantsColour } from '../reporters/terminal/style.ts';
import { renderSummary } from '../reporters/terminal/summary.ts';
import { toldLine } from '../reporters/text.ts';
import { removeReports, writeReports } from '../reporters/write.ts';
import { runSuites, type RunOptions } from '../suites/harness/run.ts';

/** What a command decides of a run; the rest is the same for all. */
export type Measurement = Omit<RunOptions, 'out' | 'command' | 'signal' | 'onBuild' | 'onAccepted' | 'onPlan' | 'onStart' | 'onEnd' | 'onStray'>;

/** Does something in a folder that nobody else may write to meanwhile; Ctrl-C aborts the signal, and ends this process. */
export async function inClaimedFolder(out: string, command: string, action: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const interruption = abortOnSignal();
  let claim: Awaited<ReturnType<typeof claimFolder>> | undefined;
  try {
    claim = await claimFolder(out, command);
    await action(interruption.signal);
  } finally {
    interruption.dispose();
    await claim?.release();
  }
  // Interrupted, a test may still wait in its process, which ends with this one.
  if (interruption.signal.aborted) process.exit();
}

/** Runs the suites, writes results and reports into `out`, and prints the summary. `prepare` may take its time. */
export async function measure(
  out: string,
  signal: AbortSignal,
  prepare: (onBuild: OnProgress) => Measurement | Promise<Measurement>,
): Promise<Results> {
  const stream = process.stderr;
  const progress = createProgress({ stream, isTTY: stream.isTTY, total: 0 });
  const onBuild: OnProgress = ({ message, done, total }) =>
    progress.phase({ name: message, ...(done === undefined ? {} : { done }), ...(total === undefined ? {} : { total }) });
  try {
    const results = await runSuites({
      ...(await prepare(onBuild)),
      out,
      command: ['aemcert', ...process.argv.slice(2)],
      signal,
      onBuild,
      onAccepted: () => removeReports(out),
      onPlan(selected) {
        progress.phase(undefined);
        progress.planned(selected.length);
      },
      onStart: (test) => progress.testStarted(test),
      onEnd(test, result) {
        // Such as a wait for another connection.
        progress.phase(undefined);
        progress.testFinished({ ...test, ...result });
      },
      onStray: (incident) => progress.note(`${incident.kind} while no test ran: ${toldLine(incident)}`),
    });
    progress.finish();
    await report(results, out);
    return results;
  } finally {
    progress.finish();
  }
}

/** Writes the reports of results that are in `out`, and prints the summary. */
export async function report(results: Results, out: string): Promise<void> {
  const written = await writeReports(results, out);
  const reports = [join(out, resultsFile), ...Object.values(written)].map((path) => relative('.', path));
  const colour = wantsColour(process.stdout.isTTY, process.env);
  process.stdout.write(`${renderSummary(results, { colour, reports })}\n`);
}
