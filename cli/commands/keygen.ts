// SPDX-License-Identifier: GPL-2.0-only
import type { Command } from 'commander';
import { generateKeys } from '../../reporters/attestation/keys.ts';

/** `aemcert keygen`: a key pair to sign bundles with. */
export function register(program: Command): void {
  program
    .command('keygen')
    .description('make a pair of Ed25519 keys: NAME.key signs bundles and stays with you, NAME.pub is for everybody')
    .option('-o, --out <name>', 'the files, without their ends .key and .pub', 'aemcert')
    .addHelpText('after', '\nA file that is there is never overwritten.\nExit status: 0 made, 2 there is one already, 3 cannot write.')
    .addHelpText('after', '\nExample:\n  $ aemcert keygen --out keys/vendor')
    .action(async ({ out }: { readonly out: string }) => {
      const { id } = await generateKeys(`${out}.key`, `${out}.pub`);
      process.stdout.write(`${out}.key  to sign with: keep it secret\n${out}.pub  to verify with\nkey id     ${id}\n`);
    });
}
