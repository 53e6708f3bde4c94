// SPDX-License-Identifier: GPL-2.0-only
import { availableParallelism } from 'node:os';
import { InfrastructureError } from '../../lib/errors.ts';
import { buildEnvironment, tryCommand, type CommandOptions } from '../../lib/run-command.ts';

/** What compiles, as far as it can make a difference to what comes out. */
export interface Toolchain {
  /** First lines of `gcc --version` and `ld --version`. */
  readonly compiler: string;
  readonly linker: string;
  /** Does ccache stand before the compiler? No part of any key: it changes nothing that comes out. */
  readonly ccache: boolean;
}

/** Looks the tools up. Throws an InfrastructureError when there is no compiler or linker. */
export async function findToolchain(signal?: AbortSignal): Promise<Toolchain> {
  const [compiler, linker, ccache] = await Promise.all([
    firstLine(['gcc', '--version'], signal),
    firstLine(['ld', '--version'], signal),
    tryCommand(['ccache', '--version'], { signal }).then(
      ({ status }) => status === 0,
      () => false,
    ),
  ]);
  return { compiler, linker, ccache };
}

async function firstLine(argv: readonly [string, ...string[]], signal?: AbortSignal): Promise<string> {
  const output: string[] = [];
  const { status } = await tryCommand(argv, { signal, onLine: (line) => output.push(line) });
  if (status === 0 && output[0] !== undefined) return output[0];
  throw new InfrastructureError(`${argv[0]} does not work`, {
    seen: output.join('; '),
    hint: 'aemcert doctor',
  });
}

/**
 * The environment and the arguments of every make in a kernel tree: what the build says of
 * its time, user and host is fixed, so that equal inputs give equal bytes.
 */
export function kbuild(
  tree: string,
  toolchain: Toolchain,
): { readonly make: readonly [string, ...string[]]; readonly options: Pick<CommandOptions, 'env'> } {
  const gcc = toolchain.ccache ? 'ccache gcc' : 'gcc';
  return {
    make: [
      'make',
      `--directory=${tree}`,
      `--jobs=${availableParallelism()}`,
      '--no-print-directory',
      'ARCH=x86_64',
      `CC=${gcc}`,
      `HOSTCC=${gcc}`,
      'LOCALVERSION=',
    ],
    options: {
      env: {
        ...buildEnvironment(),
        KBUILD_BUILD_TIMESTAMP: 'Thu Jan  1 00:00:00 UTC 2026',
        KBUILD_BUILD_USER: 'aemcert',
        KBUILD_BUILD_HOST: 'aemcert',
        KBUILD_BUILD_VERSION: '1',
        // Two kernels in the cache have different paths and for the most part the same objects.
        CCACHE_BASEDIR: tree,
        CCACHE_NOHASHDIR: '1',
      },
    },
  };
}
