// SPDX-License-Identifier: GPL-2.0-only
import { Option, type Command } from 'commander';
import { ExitStatus } from '../../lib/errors.ts';
import { readPublicKey } from '../../reporters/attestation/keys.ts';
import { verifyBundle } from '../../reporters/bundle/verify.ts';
import { conclude } from '../../reporters/conclude.ts';
import { oneLine } from '../../reporters/text.ts';
import { suiteAtHand } from '../../suites/harness/run.ts';

const unvouched = 'Nothing was edited since it was signed; nobody vouches for the key that signed it.';

/** `aemcert verify`: is a bundle what was signed, and does it say what was measured? */
export function register(program: Command): void {
  program
    .command('verify')
    .description('check a bundle of `aemcert certify`: its signature, every file, the suite, the waivers')
    .argument('<bundle>', 'the folder')
    .option('-k, --key <file>', "the vendor's public key, which you have from somewhere else than the bundle")
    .addOption(new Option('--any-key', "take the bundle's own key: shows that nothing was edited, not who signed").conflicts('key'))
    .addHelpText('after', `
Run it from a checkout of the suite's revision that the bundle names.

Exit status: 0 the bundle is what was signed, whatever its verdict; 1 it is not, or a waiver has expired;
2 there is no such bundle or key, 3 it cannot be read. Without --key nobody vouches for who signed, which is 1.

Example:
  $ aemcert verify certification/bundle --key vendor.pub`)
    .action(async (folder: string, { key: path, anyKey = false }: { readonly key?: string; readonly anyKey?: boolean }) => {
      const key = path === undefined ? undefined : await readPublicKey(path);
      const suite = await suiteAtHand();
      const { findings, notes, keyId, results } = await verifyBundle(folder, { key, anyKey, suite, now: new Date() });
      const lines = [
        ...findings.map(({ file, what }) => `WRONG  ${file === undefined ? '' : `${file}: `}${what}`),
        ...notes.map((note) => `note   ${note}`),
        ...(keyId === undefined ? [] : [`key    ${keyId}`]),
        ...(results === undefined || findings.length > 0 ? [] : [`says   ${results.subject.kernel.release}: ${conclude(results).headline}`]),
        findings.length === 0 ? (anyKey ? unvouched : 'The bundle is what was signed.') : `The bundle is not to be relied on: ${findings.length} found wrong.`,
      ];
      process.stdout.write(`${lines.map(oneLine).join('\n')}\n`);
      process.exitCode = findings.length === 0 ? ExitStatus.Conformant : ExitStatus.NotConformant;
    });
}
