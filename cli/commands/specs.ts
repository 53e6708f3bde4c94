// SPDX-License-Identifier: GPL-2.0-only
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Option } from 'commander';
import type { Command } from 'commander';
import { InputError } from '../../lib/errors.ts';
import { checkIdType, idTypeFile, writeIdType } from '../../specs/generate.ts';
import {
  compareFingerprints,
  findRequirement,
  loadRequirements,
  parseFingerprints,
  renderFingerprints,
  specsFolder,
  suggestion,
} from '../../specs/loader/index.ts';
import type { Requirement, RequirementSet } from '../../specs/loader/index.ts';
import { collectLinks } from '../../suites/harness/plan.ts';

interface ListOptions {
  readonly module?: string;
  readonly priority?: string;
  readonly mandatory?: true;
  readonly json?: true;
}

/** aemcert specs: look at the requirements and check their files. */
export function register(program: Command): void {
  const specs = program
    .command('specs')
    .description('the requirements: check, list, show, generate the type of their ids')
    .showHelpAfterError('(aemcert specs --help tells what there is)')
    .addHelpText('after', examples(['check', 'list --module pexit', 'show AEM-PEXIT-004', 'generate']));

  specs
    .command('check')
    .description('check every file of requirements, and that the generated ids are theirs')
    .addHelpText('after', '\nTells everything that is wrong at once; exit status 2 if anything is.')
    .addHelpText('after', examples(['check']))
    .action(check);

  specs
    .command('list')
    .description('list the requirements, one a line: id, priority, * if mandatory, title')
    .option('--module <name>', 'only those of a module: cgl, core, pexit, timer')
    .addOption(new Option('--priority <priority>', 'only those of a priority').choices(['P1', 'P2', 'P3']))
    .option('--mandatory', 'only those that have to pass')
    .option('--json', 'as JSON, with all fields')
    .addHelpText('after', examples(['list', 'list --module core --priority P1', 'list --json']))
    .action(list);

  specs
    .command('show')
    .description('show one requirement, its source and the requirements it is traced to')
    .argument('<id>', 'the id of the requirement')
    .option('--json', 'as JSON, with all fields')
    .addHelpText('after', examples(['show AEM-PEXIT-004', 'show PRF.5.0 --json']))
    .action(show);

  specs
    .command('generate')
    .description('write specs/generated/ids.ts, the type of the ids')
    .option('--check', 'write nothing; exit status 2 when the file is out of date')
    .addHelpText('after', examples(['generate', 'generate --check']))
    .action(generate);

  specs
    .command('links')
    .description('tell which requirements changed without their tests, and which tests without their requirements')
    .option('--accept', 'record them as they are now: each was looked at')
    .addHelpText('after', '\nWhat was looked at is recorded in specs/fingerprints.json. Exit status 2 when a link is stale.')
    .addHelpText('after', examples(['links', 'links --accept']))
    .action(links);
}

const fingerprintFile = path.join(specsFolder, 'fingerprints.json');

async function links(options: { readonly accept?: true }): Promise<void> {
  const current = await collectLinks(await loadRequirements());
  const name = path.relative(process.cwd(), fingerprintFile);
  if (options.accept) {
    await writeFile(fingerprintFile, renderFingerprints(current));
    print(`${name}: ${current.length} links, recorded`);
    return;
  }
  const changes = compareFingerprints(parseFingerprints(await readFile(fingerprintFile, 'utf8'), name), current);
  if (changes.length > 0) {
    throw new InputError(`${changes.length} of ${current.length} links between requirements and tests are stale`, {
      where: name,
      seen: changes.map(({ message }) => message).join('\n            '),
      hint: 'look at both ends, then aemcert specs links --accept',
    });
  }
  print(`${current.length} links between requirements and tests: none is stale`);
}

async function check(): Promise<void> {
  const set = await loadRequirements();
  await checkIdType(set);
  const mandatory = set.requirements.filter((requirement) => requirement.mandatory).length;
  const { requirements, files } = set;
  print(`${requirements.length} requirements in ${files.length} files, ${mandatory} mandatory: all well`);
}

async function list(options: ListOptions): Promise<void> {
  const { requirements } = await loadRequirements();
  checkModule(options.module, requirements);
  const wanted = requirements.filter(
    ({ module, priority, mandatory }) =>
      (options.module === undefined || module === options.module) &&
      (options.priority === undefined || priority === options.priority) &&
      (options.mandatory === undefined || mandatory),
  );
  print(options.json ? toJson(wanted) : wanted.map(toLine(wanted)).join('\n'));
}

/** Throws an InputError where nothing is of this module: an empty list would not say why. */
function checkModule(asked: string | undefined, requirements: readonly Requirement[]): void {
  const modules = [...new Set(requirements.map(({ module }) => module))].sort();
  if (asked === undefined || modules.includes(asked)) return;
  throw new InputError(`there is no module ${asked}`, {
    expected: `one of ${modules.join(', ')}`,
    seen: asked,
    ...suggestion(asked, modules),
  });
}

async function show(id: string, options: { readonly json?: true }): Promise<void> {
  const set = await loadRequirements();
  const requirement = findRequirement(set, id);
  print(options.json ? toJson(requirement) : toText(set, requirement));
}

async function generate(options: { readonly check?: true }): Promise<void> {
  const set = await loadRequirements();
  const name = path.relative(process.cwd(), idTypeFile);
  if (options.check) {
    await checkIdType(set);
    print(`${name} is up to date`);
    return;
  }
  const written = await writeIdType(set);
  print(`${name}: ${set.requirements.length} ids, ${written ? 'written' : 'unchanged'}`);
}

function toLine(all: readonly Requirement[]): (requirement: Requirement) => string {
  const width = Math.max(0, ...all.map(({ id }) => id.length));
  return ({ id, priority, mandatory, title }) =>
    `${id.padEnd(width)}  ${priority} ${mandatory ? '*' : ' '} ${title}`;
}

function toText(set: RequirementSet, requirement: Requirement): string {
  const { source } = requirement;
  const named = (ids: readonly string[]): string =>
    ids.map((id) => `${id} ${set.byId.get(id)?.title ?? ''}`).join('\n') || 'none';
  const fields: readonly (readonly [string, string | undefined])[] = [
    ['statement', requirement.statement],
    ['limits', limitsText(requirement)],
    ['reading', requirement.reading],
    ['notes', requirement.notes],
    ['source', `${source.document}, ${source.part} (${source.certainty})`],
    ['standing', requirement.standing],
    ['priority', `${requirement.priority}, ${requirement.mandatory ? '' : 'not '}mandatory by itself`],
    ['verified', `by ${requirement.verification}, through ${requirement.bindings.join(', ')}`],
    ['parents', named(requirement.parents)],
    ['children', named(requirement.children)],
    ['file', `${requirement.file}:${requirement.line}`],
  ];
  return [
    `${requirement.id}  ${requirement.title}`,
    '',
    ...fields.flatMap(([name, value]) => (value === undefined ? [] : [field(name, value)])),
  ].join('\n');
}

function limitsText({ limits }: Requirement): string | undefined {
  const lines = Object.entries(limits).map(([name, { value, unit }]) => `${name}: ${value} ${unit}`);
  return lines.length === 0 ? undefined : lines.join('\n');
}

/** A name, and its value in lines of up to 88 characters beside it. */
function field(name: string, value: string): string {
  const lines = value.trim().split('\n').flatMap((line) => wrap(line, 88));
  return lines.map((line, index) => `${(index === 0 ? name : '').padEnd(11)}${line}`).join('\n');
}

function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

function toJson(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

function examples(commands: readonly string[]): string {
  return `\nExamples:\n${commands.map((command) => `  $ aemcert specs ${command}`).join('\n')}`;
}

function print(text: string): void {
  if (text !== '') process.stdout.write(`${text}\n`);
}
