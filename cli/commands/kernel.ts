// SPDX-License-Identifier: GPL-2.0-only
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import { lastUse, removeEntry } from '../../lib/cache-entry.ts';
import { diskUsage, formatBytes } from '../../lib/disk-space.ts';
import { InfrastructureError } from '../../lib/errors.ts';
import { cacheRoot } from '../../lib/paths.ts';
import type { Flavour, KernelBuild } from '../../kernel/build/artifacts.ts';
import { ensureGuest, unitFolder } from '../../kernel/build/guest.ts';
import type { KernelChoice } from '../../kernel/build/inputs.ts';
import {
  ensureConfig,
  ensureKernel,
  findKernel,
  kernelFolder,
  readRecord,
  type BuildOptions,
} from '../../kernel/build/kernel.ts';
import { packageKernel } from '../../kernel/package/kernel.ts';
import { shellQuote } from '../../reporters/text.ts';
import { abortOnSignal } from '../../lib/abort-on-signal.ts';
import { buildProgressView } from '../build-progress.ts';
import { kernelVersion } from '../option-values.ts';

interface ChoiceOptions {
  readonly kernelVersion?: string;
  readonly source?: string;
  readonly flavour: Flavour;
  readonly unpatched?: true;
}

/** `aemcert kernel`: makes the kernel under test, and looks after the cache of built ones. */
export function register(program: Command): void {
  const kernel = program
    .command('kernel')
    .description('the kernel under test: build it, find it, look at its configuration, clean the cache')
    .showHelpAfterError('(aemcert kernel --help tells what there is)')
    .addHelpText('after', examples(['build', 'build --flavour debug', 'config --unpatched', 'clean']));

  withChoice(kernel.command('build'))
    .description('get the source, apply the patches, configure and build; the modules and guest programs too')
    .option('--kernel-only', 'without modules and guest programs')
    .addHelpText(
      'after',
      `
Nothing is built twice: the result is kept by what it is made of, under ${cacheRoot()}.
A first build takes some minutes and 2 GB; an interrupted one is taken up where it was.`,
    )
    .addHelpText(
      'after',
      examples([
        'build',
        'build --flavour debug',
        'build --unpatched',
        'build --kernel-version 6.1',
        'build --source ~/linux-6.12.y',
        'build --source linux-6.12.9.tar.xz',
      ]),
    )
    .action(build);

  withChoice(kernel.command('path'))
    .description('print where the built kernel is')
    .addOption(
      new Option('--what <part>', 'which path').choices(['image', 'config', 'tree']).default('image'),
    )
    .addHelpText('after', examples(['path', 'path --what tree', 'path --flavour debug --what config']))
    .action(path);

  withChoice(kernel.command('config'))
    .description('print the final .config; each option of kernel/config is checked to have survived')
    .addHelpText(
      'after',
      examples(['config', 'config --unpatched > plain.config', 'config --source ~/linux-6.12.y']),
    )
    .action(config);

  withChoice(kernel.command('package'), false)
    .description('make Debian packages: the patched kernel, its headers, and AEM’s modules with libaem')
    .option('-o, --out <dir>', 'where the packages go', 'packages')
    .addHelpText(
      'after',
      `
The kernel’s own \`make bindeb-pkg\` makes those of the kernel; its configuration is that of the suites, for a virtual
machine. Needs the Debian packages debhelper, dpkg-dev and rsync.`,
    )
    .addHelpText('after', examples(['package', 'package --out /tmp/debs', 'package --source ~/linux-6.12.y']))
    .action(makePackages);

  kernel
    .command('clean')
    .description('remove built kernels, modules and guest programs, except what is being built now')
    .addOption(
      new Option('--unused-for <days>', 'only what nobody has used for so many days').argParser(parseDays),
    )
    .option('--kernel-version <version>', 'only built kernels of this version, no modules or programs')
    .addHelpText('after', examples(['clean', 'clean --unused-for 14', 'clean --kernel-version 6.1']))
    .action(clean);
}

function withChoice(command: Command, unpatched = true): Command {
  command
    .addOption(kernelVersion())
    .option('--source <path>', "a kernel tree or tarball (default: Debian's linux-source package)")
    .addOption(
      new Option('--flavour <flavour>', 'the configuration')
        .choices(['base', 'debug', 'coverage'])
        .default('base'),
    );
  return unpatched ? command.option('--unpatched', 'without the patch series, to compare with') : command;
}

async function build(options: ChoiceOptions & { readonly kernelOnly?: true }): Promise<void> {
  await withProgress(options, async (choice, lines) => {
    const started = Date.now();
    const built = await ensureKernel(choice);
    lines.push(
      `${built.release} (${built.source}, ${patchesText(built)})`,
      `  image   ${built.image}`,
      `  config  ${built.config}`,
    );
    if (options.kernelOnly !== true && built.patches.length > 0) {
      const guest = await ensureGuest(built, 'release', choice);
      for (const { name, path: file } of guest.modules) lines.push(`  module  ${name.padEnd(12)} ${file}`);
      for (const { name, path: file } of guest.programs) lines.push(`  program ${name.padEnd(12)} ${file}`);
    }
    lines.push(`done in ${Math.round((Date.now() - started) / 1000)} s`);
  });
}

async function makePackages(options: ChoiceOptions & { readonly out: string }): Promise<void> {
  await withProgress(options, async (choice, lines) => {
    const { kernel: built, files } = await packageKernel(choice, options.out);
    lines.push(
      `${built.release} (${built.source}, ${patchesText(built)})`,
      ...files.map((file) => `  ${relative('.', file)}`),
      '',
      `to install   apt-get install ${files.map((file) => shellQuote(file)).join(' ')}`,
      `to measure   aemcert certify --product FILE --key FILE --deb ${files.filter((file) => !file.includes('/linux-headers-')).map((file) => shellQuote(relative('.', file))).join(' ')}`,
    );
  });
}

async function path(options: ChoiceOptions & { readonly what: 'image' | 'config' | 'tree' }): Promise<void> {
  await withProgress(options, async (choice, lines) => {
    const found = await findKernel(choice);
    if (found === undefined) {
      throw new InfrastructureError('this kernel is not built yet', {
        where: kernelFolder(),
        hint: 'aemcert kernel build, with the same options',
      });
    }
    lines.push(found[options.what]);
  });
}

async function config(options: ChoiceOptions): Promise<void> {
  await withProgress(
    options,
    async (choice, lines) => void lines.push((await ensureConfig(choice)).trimEnd()),
  );
}

/** Runs with progress on stderr; the lines go to stdout at the end. */
async function withProgress(
  { kernelVersion: version, source, flavour, unpatched }: ChoiceOptions,
  run: (choice: KernelChoice & BuildOptions, lines: string[]) => Promise<void>,
): Promise<void> {
  const interruption = abortOnSignal();
  const view = buildProgressView(process.stderr);
  const lines: string[] = [];
  try {
    await run(
      {
        version,
        source,
        flavour,
        unpatched,
        signal: interruption.signal,
        onProgress: view.show,
      },
      lines,
    );
  } finally {
    view.done();
    interruption.dispose();
  }
  process.stdout.write(`${lines.join('\n')}\n`);
}

function patchesText({ patches }: KernelBuild): string {
  return patches.length === 0 ? 'unpatched' : `${patches.length} patches`;
}

function parseDays(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('a whole number of days is needed.');
  return Number(text);
}

async function clean({ unusedFor, kernelVersion: version }: { readonly unusedFor?: number; readonly kernelVersion?: string }): Promise<void> {
  const limit = unusedFor === undefined ? undefined : Date.now() - unusedFor * 24 * 3600 * 1000;
  let freed = 0;
  let kept = 0;
  for (const parent of version === undefined ? [kernelFolder(), unitFolder()] : [kernelFolder()]) {
    const names = await readdir(parent).catch((): string[] => []);
    const entries = new Set(names.map((name) => name.replace(/\.(partial|lock)$/, '')));
    for (const entry of entries) {
      const folder = join(parent, entry);
      const used = await lastUse(folder);
      if (limit !== undefined && used !== undefined && used.getTime() >= limit) continue;
      const record = await readRecord(folder).catch(() => undefined);
      if (version !== undefined && record?.inputs.version !== version) continue;
      const name = record === undefined ? undefined : `${record.release} (${record.inputs.source.name})`;
      const bytes = (await diskUsage(folder)) + (await diskUsage(`${folder}.partial`));
      if (await removeEntry(folder)) {
        freed += bytes;
        if (name !== undefined) process.stdout.write(`removed ${name}, ${formatBytes(bytes)}\n`);
      } else {
        kept += 1;
        process.stdout.write(`kept ${name ?? entry}: another process builds it now\n`);
      }
    }
  }
  process.stdout.write(
    `freed ${formatBytes(freed)} in ${cacheRoot()}${kept === 0 ? '' : `; ${kept} in use`}\n`,
  );
}

function examples(commands: readonly string[]): string {
  return `\nExamples:\n${commands.map((command) => `  $ aemcert kernel ${command}`).join('\n')}`;
}
