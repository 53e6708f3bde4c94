// SPDX-License-Identifier: GPL-2.0-only
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import type { Command } from 'commander';
import { findKernel, kernelFolder } from '../../kernel/build/kernel.ts';
import { freeSpace, formatBytes } from '../../lib/disk-space.ts';
import { AemcertError, ExitStatus } from '../../lib/errors.ts';
import { cacheRoot } from '../../lib/paths.ts';
import { installedVersions, neededPackages } from '../setup/packages.ts';

/** One thing that this machine has, lacks, or is just worth knowing. */
interface Finding {
  readonly what: string;
  readonly verdict: 'ok' | 'missing' | 'note';
  readonly seen: string;
  /** The command that mends it. */
  readonly mend?: string;
}

/** `aemcert doctor`: what this machine has and lacks. */
export function register(program: Command): void {
  program
    .command('doctor')
    .description('tell what this machine has and lacks for aemcert, and what mends it')
    .addHelpText('after', '\nExit status: 0 all is there, 3 something is missing.')
    .addHelpText('after', '\nExamples:\n  $ aemcert doctor')
    .action(doctor);
}

async function doctor(): Promise<void> {
  const packages = await packageFindings();
  const findings = [node(), ...packages, await disk(), memory(), cores(), await kvm(), await kernel()];
  const width = Math.max(...findings.map(({ what }) => what.length));
  for (const { what, verdict, seen, mend } of findings) {
    process.stdout.write(`${verdict.padEnd(8)} ${what.padEnd(width)}  ${seen}\n`);
    if (mend !== undefined) process.stdout.write(`${' '.repeat(width + 11)}do: ${mend}\n`);
  }
  const missing = findings.filter(({ verdict }) => verdict === 'missing');
  const names = missing.map(({ what }) => what).join(', ');
  process.stdout.write(missing.length === 0 ? '\nAll is there.\n' : `\nMissing: ${names}\n`);
  if (missing.length > 0) process.exitCode = ExitStatus.Infrastructure;
}

function node(): Finding {
  const { version } = process;
  const [major = 0, minor = 0] = version.slice(1).split('.').map(Number);
  const recent = major > 20 || (major === 20 && minor >= 19);
  return recent
    ? { what: 'Node.js', verdict: 'ok', seen: version }
    : {
        what: 'Node.js',
        verdict: 'missing',
        seen: version,
        mend: 'install Node.js 20.19 or later: https://nodejs.org',
      };
}

async function packageFindings(): Promise<readonly Finding[]> {
  const needed = await neededPackages();
  const root = process.getuid?.() === 0 ? '' : 'sudo ';
  let versions: ReadonlyMap<string, string | undefined>;
  try {
    versions = await installedVersions(needed);
  } catch (error) {
    if (!(error instanceof AemcertError)) throw error;
    const names = needed.map(({ name }) => name).join(' ');
    return [
      {
        what: 'packages',
        verdict: 'note',
        seen: 'this is no Debian system',
        mend: `install what Debian calls: ${names}`,
      },
    ];
  }
  return needed.map(({ name, reason }): Finding => {
    const version = versions.get(name);
    return version === undefined
      ? {
          what: name,
          verdict: 'missing',
          seen: `not installed; it ${reason === '' ? 'is needed' : `is for: ${reason}`}`,
          mend: `${root}apt-get install --no-install-recommends ${name}`,
        }
      : { what: name, verdict: 'ok', seen: version };
  });
}

async function disk(): Promise<Finding> {
  const cache = cacheRoot();
  const free = await freeSpace(cache);
  const seen = `${formatBytes(free)} free for ${cache}`;
  if (free >= 3e9) return { what: 'disk', verdict: 'ok', seen };
  return {
    what: 'disk',
    verdict: 'missing',
    seen: `${seen}; a kernel build takes 3 GB`,
    mend: 'aemcert kernel clean, or set XDG_CACHE_HOME to a folder on another disk',
  };
}

function memory(): Finding {
  const seen = formatBytes(totalmem());
  return totalmem() >= 2e9
    ? { what: 'memory', verdict: 'ok', seen }
    : {
        what: 'memory',
        verdict: 'missing',
        seen,
        mend: 'use a machine with 2 GB or more: a guest takes half of it',
      };
}

function cores(): Finding {
  return { what: 'cores', verdict: 'ok', seen: `${availableParallelism()}` };
}

/** Only what can be seen from outside: whether guests run under it is found out by a boot. */
async function kvm(): Promise<Finding> {
  const there = await stat('/dev/kvm').then(
    () => true,
    () => false,
  );
  if (!there)
    return {
      what: '/dev/kvm',
      verdict: 'note',
      seen: 'absent: guests are emulated, which works everywhere and is slower',
    };
  const open = await access('/dev/kvm', constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
  return open
    ? { what: '/dev/kvm', verdict: 'ok', seen: 'present; used once a probe boot under it has succeeded' }
    : {
        what: '/dev/kvm',
        verdict: 'note',
        seen: 'present, not accessible: guests are emulated',
        mend: 'sudo adduser $USER kvm',
      };
}

async function kernel(): Promise<Finding> {
  const what = 'kernel';
  try {
    const found = await findKernel();
    if (found !== undefined) return { what, verdict: 'ok', seen: `${found.release}, built` };
    return {
      what,
      verdict: 'note',
      seen: `not built yet in ${kernelFolder()}`,
      mend: 'aemcert kernel build, or the first run does it',
    };
  } catch (error) {
    if (!(error instanceof AemcertError)) throw error;
    return { what, verdict: 'note', seen: `cannot be built yet: ${error.message}` };
  }
}
