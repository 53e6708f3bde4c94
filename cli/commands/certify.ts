// SPDX-License-Identifier: GPL-2.0-only
import { join, relative } from 'node:path';
import { Option, type Command } from 'commander';
import { prepareGiven, type GivenChoice, type GivenKernel } from '../../kernel/given/given.ts';
import { makeScratch } from '../../kernel/target/scratch.ts';
import { AemcertError, ExitStatus, InputError } from '../../lib/errors.ts';
import { guestsForTests } from '../../lib/usual-guests.ts';
import { readSigningKey, type PublicKey } from '../../reporters/attestation/keys.ts';
import { judgedAtRun } from '../../reporters/bundle/make.ts';
import { readProduct } from '../../reporters/bundle/product.ts';
import { hasExpired, readWaivers, waiverProblem, type Waiver } from '../../reporters/bundle/waivers.ts';
import { checkFree, writeBundle } from '../../reporters/bundle/write.ts';
import { conclude } from '../../reporters/conclude.ts';
import type { Binding, Results } from '../../reporters/results.ts';
import { shellQuote, suiteRemarks } from '../../reporters/text.ts';
import { loadRequirements } from '../../specs/loader/index.ts';
import { describeSuite } from '../../suites/harness/suite.ts';
import { inClaimedFolder, measure } from '../measure.ts';
import { kernelVersion, positive, seconds } from '../option-values.ts';
import { addSshTarget, bindingOn, sshTarget, type SshTarget, type SshTargetOptions } from '../ssh-target.ts';

interface Options extends SshTargetOptions {
  readonly product: string;
  readonly key: string;
  readonly waivers?: string;
  readonly out: string;
  readonly kernel?: string;
  readonly modules?: string;
  readonly config?: string;
  readonly deb?: readonly string[];
  readonly package?: string;
  readonly headers?: string;
  readonly from?: string;
  readonly kernelVersion?: string;
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
    .addOption(new Option('--headers <file>', 'a Debian package of its headers: builds AEM’s modules against them, for a kernel with the patch series and without modules; runs what is in them').conflicts('from'))
    .option('--from <dir>', 'a finished run, such as run/ of one before, instead of a new one')
    .addOption(kernelVersion().conflicts(['kernel', 'deb', 'package', 'from']))
    .addOption(ofNewRun('-t, --timeout <seconds>', 'until what a test waits for counts as not happening', seconds).default(60))
    .addOption(ofNewRun('--memory <MiB>', 'of the guest', positive).default(512))
    .addOption(ofNewRun('--cpus <count>', 'of the guest', positive).default(2))
    .addOption(ofNewRun('--guests <count>', 'how many run tests at the same time', positive));
  addSshTarget(command, ['kernel', 'kernelVersion', 'modules', 'config', 'headers', 'deb', 'package', 'from', 'memory', 'cpus', 'guests'])
    .addHelpText('after', `
Without --kernel, --deb, --package, --target or --from it is our own patched kernel. One that has none of AEM's modules is
measured by the facilities that it has of its own. Nothing can be left out: there are no filters here.

Exit status: 0 every mandatory requirement passed, 1 not, or a waiver is not as it should be, 2 usage or bad input,
3 could not tell: such as a kernel that cannot run here at all.

Examples:
  $ aemcert keygen --out vendor
  $ aemcert certify --product product.yaml --key vendor.key
  $ aemcert certify --product product.yaml --key vendor.key --package linux-image-cloud-amd64
  $ aemcert certify --product product.yaml --key vendor.key --kernel vmlinuz --modules lib/modules/6.1.0
  $ aemcert certify --product product.yaml --key vendor.key --deb linux-image.deb --headers linux-headers.deb
  $ aemcert certify --product product.yaml --key vendor.key --target ssh://root@host --destructive`)
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

/** An option that says how to run: of a finished run it would change nothing. */
function ofNewRun(flags: string, description: string, parse: (value: string) => number): Option {
  return new Option(flags, description).argParser(parse).conflicts('from');
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
  const target = sshTarget(options);
  const out = join(options.out, 'bundle');
  await checkFree(out);
  const write = async (run: string): Promise<void> => {
    const suite = await describeSuite();
    const certified = await writeBundle({ run, out, product, waivers, key, suite });
    tell(options, certified, waivers?.waivers ?? [], key.publicKey);
  };
  if (options.from !== undefined) {
    await write(options.from);
    return;
  }
  const run = join(options.out, 'run');
  await inClaimedFolder(run, 'certify', async (signal) => {
    const { run: { complete, interruption } } = await (target === undefined ? measureWhole(options, run, given, signal) : measureMachine(options, run, target, signal));
    if (!complete || signal.aborted) {
      process.stdout.write(`no bundle: ${interruption ?? 'the run was cut off'}\n`);
      process.exitCode = ExitStatus.Infrastructure;
      return;
    }
    await write(run).catch((error: unknown) => {
      throw withHint(error, `when that is mended: aemcert certify … --from ${shellQuote(run)}`);
    });
  });
}

/** What was measured is there still: it need not be measured again. */
function withHint(error: unknown, hint: string): unknown {
  if (!(error instanceof AemcertError)) return error;
  const { details } = error;
  return new AemcertError(error.message, error.exitStatus, { ...details, hint: details.hint === undefined ? hint : `${details.hint}; ${hint}` });
}

function tell(options: Options, results: Results, waivers: readonly Waiver[], { id }: PublicKey): void {
  const problems = judgedAtRun({ results, waivers }).flatMap((waiver) => waiverProblem(waiver) ?? []);
  const bundle = relative('.', join(options.out, 'bundle'));
  // A key that is not named as `aemcert keygen` does has its public one nobody knows where.
  const publicKey = options.key.endsWith('.key') ? shellQuote(options.key.replace(/\.key$/, '.pub')) : 'VENDOR.pub';
  process.stdout.write(
    [
      ...problems.map((problem) => `waivers       ${problem}`),
      ...suiteRemarks(results.run.suite).map((remark) => `suite         ${remark}`),
      `bundle        ${bundle}`,
      `certificate   ${join(bundle, 'certificate.html')}`,
      `key           ${id}`,
      `to check it   npx aemcert verify ${shellQuote(bundle)} --key ${publicKey}`,
      '',
    ].join('\n'),
  );
  const { exitStatus } = conclude(results);
  // A machine on which something was left behind has set it already.
  const before = (process.exitCode ?? ExitStatus.Conformant) as ExitStatus;
  process.exitCode = exitStatus !== ExitStatus.Conformant ? exitStatus : problems.length > 0 ? ExitStatus.NotConformant : before;
}

/** Better known before the run than after it. */
function refuseExpired(waivers: readonly Waiver[], where: string | undefined): void {
  const first = waivers.find((waiver) => hasExpired(waiver, new Date()));
  if (first === undefined) return;
  throw new InputError(`the waiver of ${first.requirement} has expired`, { where, seen: `expires: ${first.expires}`, hint: 'mend what it is about, or have the waiver renewed' });
}

function givenOf({ kernel, modules, config, deb, package: name, headers }: Options): GivenChoice | undefined {
  if (kernel === undefined && (modules !== undefined || config !== undefined)) {
    throw new InputError('--modules and --config belong to a --kernel');
  }
  if (kernel !== undefined) return { kernel, modules, config, headers };
  if (deb !== undefined) return { deb, headers };
  if (name !== undefined) return { package: name, headers };
  if (headers !== undefined) throw new InputError('--headers belong to a --kernel, --deb or --package');
  return undefined;
}

/** Through what a kernel is measured: both, where it has AEM, and else what it has of its own. */
function bindingOf(given: GivenKernel | undefined): Binding | undefined {
  return given === undefined || given.hasAem ? undefined : 'native';
}

/** A machine that somebody runs, by what it has. */
async function measureMachine(options: Options, out: string, target: SshTarget, signal: AbortSignal): Promise<Results> {
  try {
    return await measure(out, signal, async (onProgress) => {
      const link = await target.open(signal, onProgress);
      const { cpus, memoryMiB } = link.info;
      const selection = { modules: [], requirements: [], binding: bindingOn(link), flavour: 'base' as const };
      return { selection, link, cpus, memoryMiB, guests: 1, bail: false, deadline: options.timeout * 1000, filters: {} };
    });
  } finally {
    await target.close();
  }
}

async function measureWhole(options: Options, out: string, choice: GivenChoice | undefined, signal: AbortSignal): Promise<Results> {
  const scratch = makeScratch();
  try {
    return await measure(out, signal, async (onProgress) => {
      const given = choice === undefined ? undefined : await prepareGiven(choice, { scratch: scratch.folder, signal, onProgress });
      return {
        selection: { modules: [], requirements: [], binding: bindingOf(given), flavour: 'base' },
        given,
        kernelVersion: options.kernelVersion,
        memoryMiB: options.memory,
        cpus: options.cpus,
        guests: options.guests ?? guestsForTests({ cpus: options.cpus, memoryMiB: options.memory }),
        bail: false,
        deadline: options.timeout * 1000,
        filters: {},
      };
    });
  } finally {
    await scratch.remove();
  }
}
