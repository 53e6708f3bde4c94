// SPDX-License-Identifier: GPL-2.0-only
import { Option } from 'commander';
import type { Command } from 'commander';
import type { Flavour } from '../../kernel/build/artifacts.ts';
import { ExitStatus } from '../../lib/errors.ts';
import { runsOn } from '../../lib/runs-on.ts';
import { guestsForTests } from '../../lib/usual-guests.ts';
import { bindings } from '../../reporters/results.ts';
import type { Binding } from '../../reporters/results.ts';
import { conclude } from '../../reporters/conclude.ts';
import { elsewhere } from '../../reporters/text.ts';
import { inClaimedFolder, measure, type Measurement } from '../measure.ts';
import { kernelVersion, positive, seconds, shard } from '../option-values.ts';
import { addSshTarget, bindingOn, sshTarget, type SshTargetOptions } from '../ssh-target.ts';
import { selectTests } from '../../suites/harness/plan.ts';
import type { Selection, Shard } from '../../suites/harness/plan.ts';
import { loadPlan } from '../../suites/harness/run.ts';

interface Options extends SshTargetOptions {
  readonly module: readonly string[];
  readonly requirement: readonly string[];
  readonly grep?: string;
  readonly shard?: Shard;
  readonly list?: true;
  readonly out: string;
  readonly bail?: true;
  readonly timeout?: number;
  readonly binding?: Binding;
  readonly flavour: Flavour;
  readonly kernelVersion?: string;
  readonly source?: string;
  readonly unpatched?: true;
  readonly memory: number;
  readonly cpus: number;
  readonly guests?: number;
}

/** `aemcert run`: the conformance suites, on a kernel that it builds and boots. */
export function register(program: Command): void {
  const command = program
    .command('run')
    .description('build and boot the kernel under test, or take a machine that you run; run the suites on it, write the reports')
    .option('-m, --module <name>', 'only the tests of this module; may be repeated', collect, [])
    .option('-r, --requirement <id>', 'only what verifies this requirement or what is below it; may be repeated', collect, [])
    .option('-g, --grep <text>', 'only tests whose title, id or file contains this text')
    .addOption(new Option('-b, --binding <name>', 'judge by AEM alone, or by what the kernel has of its own: epoll, io_uring, timerfd …; both when absent').choices([...bindings]))
    .option('--shard <I/N>', 'only part I of N, by files of tests; `aemcert merge` makes one run of all parts', shard)
    .option('-l, --list', 'print the plan and run nothing')
    .option('-o, --out <dir>', 'where results.json and the reports go', 'reports')
    .addOption(new Option('--bail', 'stop at the first test that does not pass').conflicts('keepGoing'))
    .addOption(new Option('--keep-going', 'run all tests whatever their verdicts (the default)'))
    .option('-t, --timeout <seconds>', `until what a test waits for counts as not happening (default: ${usualTimeout('base')}, of a kernel that checks itself ${usualTimeout('debug')})`, seconds)
    .addOption(new Option('--flavour <name>', 'of the kernel').choices(['base', 'debug', 'coverage']).default('base'))
    .addOption(kernelVersion())
    .option('--source <dir|tarball>', "a kernel source of your own, instead of Debian's package")
    .option('--unpatched', 'on the kernel without the patches and modules: a test that passes there verifies nothing')
    .option('--memory <MiB>', 'of the guest', positive, 512)
    .option('--cpus <count>', 'of the guest', positive, 2)
    .option('--guests <count>', 'how many run tests at the same time (default: as many as this machine has room for, up to 4; one, of other flavours than base)', positive)
    .action(async (options: Options) => {
      if (options.list === true) await list(options);
      else await run(options);
    });
  addSshTarget(command, ['flavour', 'kernelVersion', 'source', 'unpatched', 'memory', 'cpus', 'guests'])
    .addHelpText('after', `
On a machine of --target nothing stays: no file, process, module or setting, whatever ends the run. What needs root there, or may disturb
others, is UNTESTED without it, and the reports say so.

Exit status: 0 every mandatory requirement passed (of those selected), 1 not,
2 usage or bad input, 3 could not tell: the machine or the target failed.

Examples:
  $ aemcert run
  $ aemcert run --module pexit --bail
  $ aemcert run --requirement AEM-CORE-022
  $ aemcert run --grep 'restarts' --out /tmp/try
  $ aemcert run --binding native
  $ aemcert run --kernel-version 6.1
  $ aemcert run --list
  $ aemcert run --target ssh://me@host
  $ aemcert run --target ssh://root@host:2222 --requirement PRF.1.4
  $ aemcert run --target ssh://root@host --load-modules /lib/aem --destructive`);
}

function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value];
}

async function list(options: Options): Promise<void> {
  const { requirements, plan } = await loadPlan();
  const selection = selectionOf(options);
  const selected = selectTests(plan, selection, requirements);
  for (const test of selected) {
    const needs = test.needs === undefined ? '' : `  [${test.needs.join(', ')}]`;
    process.stdout.write(`${test.suite.padEnd(6)} ${test.requirements.join(',').padEnd(16)} ${test.title}${needs}\n`);
  }
  const ofBinding = plan.filter((test) => selection.binding === undefined || test.binding === selection.binding);
  const others = ofBinding.filter((test) => !runsOn(test, selection.flavour));
  process.stdout.write(`${selected.length} tests${others.length === 0 ? '' : `, and ${elsewhere(others)}`}\n`);
}

/** Seconds. A kernel that looks at each access to memory, or counts its lines, is several times slower. */
function usualTimeout(flavour: Flavour): number {
  return flavour === 'base' ? 60 : 180;
}

function selectionOf({ module, requirement, grep, binding, flavour, shard: part }: Options): Selection {
  return { modules: module, requirements: requirement, grep, binding, flavour, shard: part };
}

/** What leaves something out, or departs from what is certified, as given. */
function filtersOf({ module, requirement, grep, binding, bail, unpatched, shard: part }: Options): Record<string, string> {
  return {
    ...(module.length > 0 ? { module: module.join(',') } : {}),
    ...(requirement.length > 0 ? { requirement: requirement.join(',') } : {}),
    ...(grep === undefined ? {} : { grep }),
    ...(bail === true ? { bail: 'true' } : {}),
    ...(part === undefined ? {} : { shard: `${part.index}/${part.count}` }),
    // The requirements of the kernel's own facilities alone can be all that a kernel has to meet, AEM's cannot.
    ...(binding === 'aem' ? { binding } : {}),
    // What the kernel has of its own is there without the patches, too.
    ...(unpatched === true && binding !== 'native' ? { unpatched: 'true' } : {}),
  };
}

function guestsFor({ flavour, cpus, memory }: Options): number {
  return flavour === 'base' ? guestsForTests({ cpus, memoryMiB: memory }) : 1;
}

function guestsOf(options: Options): Pick<Measurement, 'kernelVersion' | 'source' | 'unpatched' | 'memoryMiB' | 'cpus' | 'guests'> {
  return {
    kernelVersion: options.kernelVersion,
    source: options.source,
    unpatched: options.unpatched === true,
    memoryMiB: options.memory,
    cpus: options.cpus,
    guests: options.guests ?? guestsFor(options),
  };
}

async function run(options: Options): Promise<void> {
  const target = sshTarget(options);
  await inClaimedFolder(options.out, 'run', async (signal) => {
    const common = {
      selection: selectionOf(options),
      bail: options.bail === true,
      deadline: (options.timeout ?? usualTimeout(options.flavour)) * 1000,
      filters: filtersOf(options),
    };
    try {
      const results = await measure(options.out, signal, async (onBuild): Promise<Measurement> => {
        if (target === undefined) return { ...common, ...guestsOf(options) };
        const link = await target.open(signal, onBuild);
        const { cpus, memoryMiB } = link.info;
        const selection = { ...common.selection, binding: options.binding ?? bindingOn(link) };
        return { ...common, selection, link, cpus, memoryMiB, guests: 1 };
      });
      process.exitCode = signal.aborted ? ExitStatus.Infrastructure : conclude(results).exitStatus;
    } finally {
      await target?.close();
    }
  });
}
