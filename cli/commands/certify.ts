// SPDX-License-Identifier: GPL-2.0-only
import { join, relative } from 'node:path';
import { Option, type Command } from 'commander';
import { prepareGiven, type GivenChoice, type GivenKernel } from '../../kernel/given/given.ts';
import { makeScratch } from '../../kernel/target/scratch.ts';
import { abortOnSignal } from '../../lib/abort-on-signal.ts';
import { claimFolder } from '../../lib/claim-folder.ts';
import { ExitStatus, InputError } from '../../lib/errors.ts';
import { usualGuests } from '../../lib/usual-guests.ts';
import { readSigningKey } from '../../reporters/attestation/keys.ts';
import { judgedAtRun } from '../../reporters/bundle/make.ts';
import { readProduct } from '../../reporters/bundle/product.ts';
import { hasExpired, readWaivers, waiverProblem, type Waiver } from '../../reporters/bundle/waivers.ts';
import { checkFree, writeBundle } from '../../reporters/bundle/write.ts';
import { conclude } from '../../reporters/conclude.ts';
import type { Binding, Results } from '../../reporters/results.ts';
import { createProgress } from '../../reporters/terminal/progress.ts';
import { wantsColour } from '../../reporters/terminal/style.ts';
import { renderSummary } from '../../reporters/terminal/summary.ts';
import { toldLine } from '../../reporters/text.ts';
import { removeReports, writeReports } from '../../reporters/write.ts';
import { loadRequirements } from '../../specs/loader/index.ts';
import { runSuites } from '../../suites/harness/run.ts';
import { positive, seconds } from '../option-values.ts';

interface Options {
  readonly product: string;
  readonly key: string;
  readonly waivers?: string;
  readonly out: string;
  readonly kernel?: string;
  readonly modules?: string;
  readonly config?: string;
  readonly deb?: readonly string[];
  readonly package?: string;
  readonly from?: string;
  readonly timeout: number;
  readonly memory: number;
  readonly cpus: number;
  readonly guests?: number;
}

/** What a run may leave out and a certification may not. */
const filters = ['--module <name>', '--requirement <id>', '--grep <text>', '--binding <name>', '--flavour <name>', '--bail', '--unpatched'];

/** `aemcert certify`: a whole run on a kernel, and a signed bundle of what was measured. */
export function register(program: Command): void {
  const command = program
    .command('certify')
    .description('run the whole suite on a kernel, yours or ours, and write a signed bundle of the results that others can check')
    .requiredOption('--product <file>', 'YAML: vendor, product, version, architecture, contact, latency')
    .requiredOption('--key <file>', 'the private key that signs, of `aemcert keygen`')
    .option('--waivers <file>', 'YAML: requirements that do not pass, why that is known, and until when')
    .option('-o, --out <dir>', 'where run/ and bundle/ go', 'certification')
    .addOption(new Option('--kernel <file>', 'a bzImage').conflicts(['deb', 'package', 'from']))
    .option('--modules <dir>', 'with --kernel: its modules, as /lib/modules/RELEASE')
    .option('--config <file>', 'with --kernel: how it was configured; config-RELEASE beside it, or what is in it, when absent')
    .addOption(new Option('--deb <file...>', 'Debian packages that hold a kernel').conflicts(['package', 'from']))
    .addOption(new Option('--package <name>', 'a kernel package of Debian, which apt downloads').conflicts('from'))
    .option('--from <dir>', 'a finished run, such as run/ of one before, instead of a new one')
    .option('-t, --timeout <seconds>', 'until what a test waits for counts as not happening', seconds, 60)
    .option('--memory <MiB>', 'of the guest', positive, 512)
    .option('--cpus <count>', 'of the guest', positive, 2)
    .option('--guests <count>', 'how many run tests at the same time', positive)
    .addHelpText('after', `
Without --kernel, --deb, --package or --from it is our own patched kernel. One that has none of AEM's modules is
measured by the facilities that it has of its own. Nothing can be left out: there are no filters here.

Exit status: 0 every mandatory requirement passed, 1 not, or a waiver is not as it should be, 2 usage or bad input,
3 could not tell: such as a kernel that cannot run here at all.

Examples:
  $ aemcert keygen --out vendor
  $ aemcert certify --product product.yaml --key vendor.key
  $ aemcert certify --product product.yaml --key vendor.key --package linux-image-cloud-amd64
  $ aemcert certify --product product.yaml --key vendor.key --kernel vmlinuz --modules lib/modules/6.1.0`)
    .action(certify);
  for (const flags of filters) {
    command.addOption(
      new Option(flags).hideHelp().argParser(() => {
        throw new InputError('certification leaves nothing out', { seen: flags.split(' ')[0], hint: 'for a part of the suite: aemcert run' });
      }),
    );
  }
  // An option without a value has no parser that could refuse it.
  command.on('option:bail', refuse('--bail')).on('option:unpatched', refuse('--unpatched'));
}

function refuse(option: string): () => never {
  return () => {
    throw new InputError('certification leaves nothing out', { seen: option, hint: 'for a part of the suite: aemcert run' });
  };
}

async function certify(options: Options): Promise<void> {
  // All that can be wrong with the input is told before hours are spent.
  const product = await readProduct(options.product);
  const key = await readSigningKey(options.key);
  const known = (await loadRequirements()).requirements.map(({ id }) => id);
  const waivers = options.waivers === undefined ? undefined : await readWaivers(options.waivers, known);
  refuseExpired(waivers?.waivers ?? [], options.waivers);
  const given = givenOf(options);
  const bundle = join(options.out, 'bundle');
  await checkFree(bundle);

  const run = options.from ?? join(options.out, 'run');
  const results = options.from === undefined ? await measure(options, run, given) : undefined;
  if (results !== undefined && !results.run.complete) {
    process.exitCode = ExitStatus.Infrastructure;
    return;
  }
  const certified = await writeBundle({ run, out: bundle, product, waivers, key });
  const problems = judgedAtRun({ results: certified, waivers: waivers?.waivers ?? [] }).flatMap((waiver) => waiverProblem(waiver) ?? []);
  const conclusion = conclude(certified);
  process.stdout.write(
    [
      ...problems.map((problem) => `waivers       ${problem}`),
      ...(certified.run.suite.dirty ? ['suite         not the released revision: its files have changed'] : []),
      `bundle        ${relative('.', bundle)}`,
      `certificate   ${relative('.', join(bundle, 'certificate.html'))}`,
      `key           ${key.publicKey.id}`,
      `to check it   npx aemcert verify ${relative('.', bundle)} --key ${options.key.replace(/\.key$/, '.pub')}`,
      '',
    ].join('\n'),
  );
  process.exitCode = problems.length > 0 && conclusion.exitStatus === 0 ? ExitStatus.NotConformant : conclusion.exitStatus;
}

/** Better known before the run than after it. */
function refuseExpired(waivers: readonly Waiver[], where: string | undefined): void {
  const first = waivers.find((waiver) => hasExpired(waiver, new Date()));
  if (first === undefined) return;
  throw new InputError(`the waiver of ${first.requirement} has expired`, { where, seen: `expires: ${first.expires}`, hint: 'mend what it is about, or have the waiver renewed' });
}

function givenOf({ kernel, modules, config, deb, package: name }: Options): GivenChoice | undefined {
  if (kernel === undefined && (modules !== undefined || config !== undefined)) {
    throw new InputError('--modules and --config belong to a --kernel');
  }
  if (kernel !== undefined) return { kernel, modules, config };
  if (deb !== undefined) return { deb };
  return name === undefined ? undefined : { package: name };
}

/** Through what a kernel is measured: both, where it has AEM, and else what it has of its own. */
function bindingOf(given: GivenKernel | undefined): Binding | undefined {
  return given === undefined || given.hasAem ? undefined : 'native';
}

async function measure(options: Options, out: string, choice: GivenChoice | undefined): Promise<Results> {
  const interruption = abortOnSignal();
  const stream = process.stderr;
  const progress = createProgress({ stream, isTTY: stream.isTTY, total: 0 });
  const scratch = makeScratch();
  let claim: Awaited<ReturnType<typeof claimFolder>> | undefined;
  const onBuild: Parameters<typeof runSuites>[0]['onBuild'] = ({ message, done, total }) =>
    progress.phase({ name: message, ...(done === undefined ? {} : { done }), ...(total === undefined ? {} : { total }) });
  try {
    claim = await claimFolder(out, 'certify');
    const { signal } = interruption;
    const given = choice === undefined ? undefined : await prepareGiven(choice, { scratch: scratch.folder, signal, onProgress: onBuild });
    const results = await runSuites({
      selection: { modules: [], requirements: [], binding: bindingOf(given), flavour: 'base' },
      given,
      out,
      memoryMiB: options.memory,
      cpus: options.cpus,
      guests: options.guests ?? usualGuests({ processors: options.cpus, memoryMiB: options.memory }),
      bail: false,
      deadline: options.timeout * 1000,
      command: ['aemcert', ...process.argv.slice(2)],
      filters: {},
      signal,
      onBuild,
      onAccepted: () => removeReports(out),
      onPlan(selected) {
        progress.phase(undefined);
        progress.planned(selected.length);
      },
      onStart: (test) => progress.testStarted(test),
      onEnd: (test, result) => progress.testFinished({ ...test, ...result }),
      onStray: (incident) => progress.note(`${incident.kind} while no test ran: ${toldLine(incident)}`),
    });
    progress.finish();
    await writeReports(results, out);
    process.stdout.write(`${renderSummary(results, { colour: wantsColour(process.stdout.isTTY, process.env) })}\n`);
    return results;
  } finally {
    progress.finish();
    interruption.dispose();
    await claim?.release();
    await scratch.remove();
  }
}
