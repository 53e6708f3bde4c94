// SPDX-License-Identifier: GPL-2.0-only
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import type { Flavour } from '../../kernel/build/artifacts.ts';
import { abortOnSignal } from '../../lib/abort-on-signal.ts';
import { claimFolder } from '../../lib/claim-folder.ts';
import { ExitStatus } from '../../lib/errors.ts';
import { usualGuests } from '../../lib/usual-guests.ts';
import { plural } from '../../reporters/text.ts';
import { createProgress } from '../../reporters/terminal/progress.ts';
import { writeAtomically } from '../../reporters/write.ts';
import { countProofs, isCaught, runControls } from '../../suites/harness/controls.ts';
import type { ControlOutcome } from '../../suites/harness/controls.ts';
import { kernelVersion, positive } from '../option-values.ts';
import { reportError } from '../report-error.ts';

interface Options {
  readonly requirement: readonly string[];
  readonly others: number;
  readonly guests: number;
  readonly flavour: Flavour;
  readonly kernelVersion?: string;
  readonly out: string;
}

/** `aemcert controls`: do the tests catch the faults that they are there for? */
export function register(program: Command): void {
  program
    .command('controls')
    .description('run the negative controls: seeded faults, each of which its own tests must catch')
    .option('-r, --requirement <id>', 'only this requirement’s control; may be repeated', collect, [])
    .option('--others <count>', 'tests of other requirements that run with each fault: a number, or all', count, 6)
    // What a fault keeps from coming is waited for; meanwhile another guest has the processor.
    .option('--guests <count>', 'how many run tests at the same time', positive, usualGuests({ processors: 0.5, memoryMiB: 512 }))
    .addOption(new Option('--flavour <name>', 'of the kernel').choices(['base', 'debug', 'coverage']).default('base'))
    .addOption(kernelVersion())
    .option('-o, --out <dir>', 'where controls.json goes', 'reports')
    .addHelpText('after', `
Exit status: 0 all faults were caught and by their own tests only, 1 not,
2 usage or bad input, 3 could not tell.

Examples:
  $ aemcert controls
  $ aemcert controls --requirement AEM-CORE-022
  $ aemcert controls --others all`)
    .action(controls);
}

function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value];
}

function count(value: string): number {
  if (value === 'all') return Number.MAX_SAFE_INTEGER;
  if (!/^\d+$/.test(value)) throw new InvalidArgumentError('A whole number or "all" is expected.');
  return Number(value);
}

async function controls(options: Options): Promise<void> {
  const interruption = abortOnSignal();
  const stream = process.stderr;
  const progress = createProgress({ stream, isTTY: stream.isTTY, total: 0 });
  let claim: Awaited<ReturnType<typeof claimFolder>> | undefined;
  try {
    claim = await claimFolder(options.out, 'controls');
    const outcomesFile = join(options.out, 'controls.json');
    // It would be taken for the outcome of this run, should that fail.
    await rm(outcomesFile, { force: true });
    let total = 0;
    let done = 0;
    let others = 0;
    const show = (): void => progress.phase({ name: 'faults against tests', done, total });
    const outcomes = await runControls({
      requirements: options.requirement,
      others: options.others,
      flavour: options.flavour,
      kernelVersion: options.kernelVersion,
      guests: options.guests,
      out: options.out,
      signal: interruption.signal,
      onBuild: ({ message }) => progress.phase({ name: message }),
      onPlan(planned, elsewhere) {
        total = planned;
        others = elsewhere;
        show();
      },
      onStart: () => undefined,
      onEnd() {
        done += 1;
        show();
      },
    });
    progress.finish();
    await writeAtomically(outcomesFile, `${JSON.stringify(outcomes, null, 1)}\n`, options.out);
    process.stdout.write(render(outcomes, others));
    process.exitCode = outcomes.every(isCaught) ? ExitStatus.Conformant : ExitStatus.NotConformant;
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
    progress.finish();
    await claim?.release();
    // A test may still wait in its process, which ends with this one, and vitest would set a status of its own.
    process.exit(reportError(error));
  } finally {
    progress.finish();
    interruption.dispose();
    await claim?.release();
  }
}

function render(outcomes: readonly ControlOutcome[], elsewhere: number): string {
  const bad = outcomes.filter((outcome) => !isCaught(outcome));
  const byChance = outcomes.flatMap((outcome) => (isCaught(outcome) && outcome.first !== undefined ? [outcome.first] : []));
  const lines = [
    ...byChance.flatMap((outcome) => [...renderMissed(outcome), '  caught when it ran once more, alone']),
    ...bad.flatMap(renderMissed),
  ];
  const spared = outcomes.reduce((sum, outcome) => sum + outcome.spared, 0);
  const caught = outcomes.length - bad.length;
  const proofs = countProofs(outcomes);
  lines.push(
    `caught by: assertion ${proofs.assertion}, missing event ${proofs['missing-event']} ` +
      `(by nothing else ${proofs['only-missing-event']}), kernel complaint ${proofs['kernel-complaint']}, ` +
      `target died ${proofs['target-died']}`,
  );
  const again = byChance.length === 0 ? '' : ` (${byChance.length} when run once more)`;
  lines.push(`${outcomes.length} requirements, ${caught} controls caught${again}; ${spared} runs of other tests passed`);
  if (elsewhere > 0) lines.push(`not here: ${plural(elsewhere, 'control')} whose tests are of other flavours`);
  return `${lines.join('\n')}\n`;
}

/** A control that was not caught, and how it was not. */
function renderMissed(outcome: ControlOutcome): readonly string[] {
  return [
    `${outcome.requirement}: ${outcome.fault}`,
    ...(outcome.caughtBy.length === 0 ? ['  not caught'] : []),
    ...outcome.died.map(({ test, why }) => `  the target died, which the control does not announce (targetDies): ${test}: ${why}`),
    ...outcome.missedBy.map((test) => `  passes all the same: ${test}`),
    ...outcome.unresolved.map(({ test, why }) => `  could not tell: ${test}: ${why}`),
    ...outcome.harmed.map(({ test, verdict, why }) => `  another's test is ${verdict}: ${test}: ${why}`),
  ];
}
