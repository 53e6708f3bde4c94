// SPDX-License-Identifier: GPL-2.0-only
import { dirname } from 'node:path';
import { Option, type Command } from 'commander';
import { InputError } from '../../lib/errors.ts';
import { conclude } from '../../reporters/conclude.ts';
import { coverageMarkdown } from '../../reporters/coverage/markdown.ts';
import { junitProfiles, type JUnitProfile } from '../../reporters/junit/junit.ts';
import { readResults } from '../../reporters/read.ts';
import { reportFormats, writeReports, type ReportFormat } from '../../reporters/write.ts';

interface CoverageOptions {
  readonly results: string;
  readonly out?: string;
  readonly format: string;
  readonly junitProfile: JUnitProfile;
  readonly markdown?: true;
}

/** `aemcert coverage`: makes the reports again from results.json alone. */
export function register(program: Command): void {
  program
    .command('coverage')
    .description('make the coverage reports again from the results of a run')
    .option('--results <file>', 'the results to read', 'reports/results.json')
    .option('--out <dir>', 'where to write; beside the results when absent')
    .option(
      '--format <list>',
      `which reports, separated by commas: ${reportFormats.join(', ')}`,
      'html,json,md',
    )
    .addOption(
      new Option('--junit-profile <profile>', 'dialect of junit.xml; xunit passes its strict schema')
        .choices(junitProfiles)
        .default('base'),
    )
    .option('--markdown', 'print the Markdown summary and write no file')
    .addHelpText(
      'after',
      '\nThe exit status tells of the reports, not of the kernel: 0 written, 2 bad results, 3 cannot write.',
    )
    .action(async (options: CoverageOptions) => {
      const formats = parseFormats(options.format);
      const results = await readResults(options.results);
      if (options.markdown === true) {
        process.stdout.write(coverageMarkdown(results));
        return;
      }
      const paths = await writeReports(
        results,
        options.out ?? dirname(options.results),
        formats,
        options.junitProfile,
      );
      for (const path of Object.values(paths)) process.stdout.write(`${path}\n`);
      process.stdout.write(`${conclude(results).headline}\n`);
    });
}

function parseFormats(list: string): ReportFormat[] {
  const names = [
    ...new Set(
      list
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name !== ''),
    ),
  ];
  const isFormat = (name: string): name is ReportFormat =>
    (reportFormats as readonly string[]).includes(name);
  const unknown = names.filter((name) => !isFormat(name));
  if (names.length === 0 || unknown.length > 0) {
    throw new InputError('unknown report format', {
      where: '--format',
      expected: `some of ${reportFormats.join(', ')}, separated by commas`,
      seen: unknown.length > 0 ? unknown.join(', ') : 'nothing',
    });
  }
  return names.filter(isFormat);
}
