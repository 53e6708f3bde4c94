// SPDX-License-Identifier: GPL-2.0-only
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ExitStatus, InputError } from '../../lib/errors.ts';
import { SpecError, findRequirement, limitOf, loadRequirements } from './index.ts';
import type { SpecProblem } from './index.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'aemcert-specs-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

// Seven lines, so that the first requirement starts in line 8.
const head = `document:
  title: A document
  source: a place
  module: core
  references:
    Doc: somewhere
requirements:
`;

/** Eight lines; the statement is in the sixth, what `changes` adds in a ninth. */
function entry(id: string, changes: Readonly<Record<string, string>> = {}): string {
  const fields: Readonly<Record<string, string>> = {
    title: 'A title',
    source: '{ document: Doc, part: one, certainty: stated }',
    parents: '[]',
    priority: 'P1',
    statement: 'The kernel shall do it.',
    verification: 'test',
    bindings: '[aem]',
    ...changes,
  };
  return Object.entries(fields)
    .filter(([, value]) => value !== '')
    .reduce((text, [key, value]) => `${text}    ${key}: ${value}\n`, `  - id: ${id}\n`);
}

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(folder, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, text);
  }
}

/** The problems of these files, their paths made relative to the folder. */
async function problemsOf(files: Readonly<Record<string, string>>): Promise<readonly SpecProblem[]> {
  await write(files);
  const error = await loadRequirements(folder).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof SpecError)) throw new Error(`expected a SpecError, seen ${String(error)}`);
  const shorten = (text: string): string => text.replaceAll(`${folder}/`, '');
  return error.problems.map((problem) => ({
    ...problem,
    file: shorten(problem.file),
    ...(problem.seen === undefined ? {} : { seen: shorten(problem.seen) }),
  }));
}

describe('a file that is right', () => {
  test('is loaded with all that is derived', async () => {
    await write({
      'a.yaml': head + entry('A-1') + entry('A-2', { parents: '[A-1]', module: 'pexit' }),
      'b/c.yaml':
        head + entry('B-1', { parents: '[A-1, A-2]', limits: '{ events: { value: 5, unit: events } }' }),
      'ignored.txt': 'not: [yaml',
    });

    const set = await loadRequirements(folder);

    expect(set.requirements.map(({ id, line }) => [id, line])).toEqual([['A-1', 8], ['A-2', 16], ['B-1', 8]]);
    expect(set.files).toEqual([path.join(folder, 'a.yaml'), path.join(folder, 'b/c.yaml')]);
    expect(set.byId.get('A-1')).toMatchObject({ children: ['A-2', 'B-1'], mandatory: false, module: 'core' });
    expect(set.byId.get('A-2')).toMatchObject({ children: ['B-1'], mandatory: false, module: 'pexit' });
    expect(set.byId.get('B-1')).toMatchObject({
      children: [],
      mandatory: true,
      file: path.join(folder, 'b/c.yaml'),
    });
    expect(limitOf(set, 'B-1', 'events')).toBe(5);
  });

  test('may say itself whether a requirement is mandatory', async () => {
    await write({
      'a.yaml':
        head +
        entry('A-1', { mandatory: 'true' }) +
        entry('A-2', { parents: '[A-1]', mandatory: 'false' }) +
        entry('A-3', { parents: '[A-1]', verification: 'analysis' }),
    });

    const { requirements } = await loadRequirements(folder);

    expect(requirements.map(({ mandatory }) => mandatory)).toEqual([true, false, false]);
  });

  test('keeps a retired id out of the requirements', async () => {
    await write({ 'a.yaml': head + entry('A-1') + entry('A-2', { parents: '[A-1]', status: 'retired' }) });

    const set = await loadRequirements(folder);

    expect([...set.byId.keys()]).toEqual(['A-1']);
    expect(set.byId.get('A-1')?.children).toEqual([]);
    expect(set.retired).toEqual(new Map([['A-2', `${path.join(folder, 'a.yaml')}:16`]]));
  });

  test('gives the same order whatever the order in the folder', async () => {
    await write({
      'b.yaml': head + entry('B-1'),
      'B.yaml': head + entry('C-1'),
      'a.yaml': head + entry('A-1'),
    });

    const { requirements } = await loadRequirements(folder);

    expect(requirements.map(({ id }) => id)).toEqual(['C-1', 'A-1', 'B-1']);
  });
});

describe('YAML', () => {
  test('broken syntax is told with its place', async () => {
    const [problem, ...others] = await problemsOf({ 'a.yaml': `${head}  - id: A-1\n    parents: [A-2\n` });

    expect(others).toEqual([]);
    expect(problem).toMatchObject({ file: 'a.yaml', line: 10, column: 1, message: 'not valid YAML' });
    expect(problem?.expected).toContain(']');
  });

  test('a key that occurs twice is told where it does so again', async () => {
    const problems = await problemsOf({ 'a.yaml': `${head}${entry('A-1')}    title: Again\n` });

    expect(problems).toEqual([
      {
        file: 'a.yaml',
        line: 16,
        column: 5,
        message: 'a key occurs twice in one mapping',
        expected: 'each key once',
        seen: 'title: Again',
      },
    ]);
  });

  test('an alias without its anchor, such as emphasis at the begin of a text, is told with its place', async () => {
    const problems = await problemsOf({
      'a.yaml': head + entry('A-1', { title: '*all*' }) + entry('A-2', { parents: '[A-9]' }),
    });

    expect(problems).toEqual([
      {
        file: 'a.yaml',
        line: 9,
        column: 12,
        message: 'not valid YAML',
        expected: 'an anchor before the alias, or quotes around the text',
        seen: '*all*',
      },
    ]);
  });

  test('an empty file is told', async () => {
    expect(await problemsOf({ 'a.yaml': '' })).toMatchObject([
      { file: 'a.yaml', line: 1, column: 1, message: 'a wrong value of the file', seen: 'null' },
    ]);
  });

  test('a file that cannot be read hides no problem of another, and makes none', async () => {
    const problems = await problemsOf({
      'a.yaml': `${head}  - id: A-1\n    parents: [\n`,
      'b.yaml': head + entry('B-1', { parents: '[A-1]', priority: 'P9' }),
    });

    expect(problems.map(({ file, message }) => [file, message])).toEqual([
      ['a.yaml', 'not valid YAML'],
      ['b.yaml', 'a wrong value of requirements[0].priority'],
    ]);
  });
});

describe('the schema', () => {
  test('an unknown key is told with the one that was meant', async () => {
    const problems = await problemsOf({ 'a.yaml': head + entry('A-1', { prioritty: 'P1' }) });

    expect(problems).toMatchObject([
      {
        file: 'a.yaml',
        line: 16,
        column: 5,
        message: 'unknown key in requirements[0]',
        seen: 'prioritty',
        hint: 'did you mean priority?',
      },
    ]);
  });

  test('an unknown key in the middle of an inline mapping', async () => {
    const source = '{ document: Doc, part: one, certainty: stated, quote: words }';

    const problems = await problemsOf({ 'a.yaml': head + entry('A-1', { source }) });

    expect(problems).toEqual([
      {
        file: 'a.yaml',
        line: 10,
        column: 60,
        message: 'unknown key in requirements[0].source',
        expected: 'one of document, part, certainty',
        seen: 'quote',
      },
    ]);
  });

  test('a missing key is told at the requirement that misses it', async () => {
    const problems = await problemsOf({ 'a.yaml': head + entry('A-1') + entry('A-2', { statement: '' }) });

    expect(problems).toEqual([
      {
        file: 'a.yaml',
        line: 16,
        column: 5,
        message: 'a key is missing in requirements[1]',
        expected: 'the key statement',
        seen: 'id, title, source, parents, priority, verification, bindings',
      },
    ]);
  });

  test.each([
    ['priority', 'P4', { line: 12, column: 15, expected: 'one of P1, P2, P3', seen: '"P4"' }],
    ['verification', 'tests', { line: 14, column: 19, seen: '"tests"', hint: 'did you mean test?' }],
    ['bindings', '[aem, nativ]', { line: 15, column: 21, hint: 'did you mean native?' }],
    ['bindings', '[]', { line: 15, column: 15, seen: '[]' }],
    ['bindings', '[aem, aem]', { line: 15, column: 15, expected: 'each item once' }],
    ['title', '2.1', { line: 9, column: 12, expected: 'text', seen: '2.1', hint: "quote it: '2.1'" }],
    ['title', "' '", { line: 9, column: 12, expected: 'text that is not empty', seen: '" "' }],
    ['mandatory', 'yes', { line: 16, column: 16, seen: '"yes"' }],
    ['status', 'gone', { line: 16, column: 13, expected: 'one of active, retired', seen: '"gone"' }],
    ['standing', 'new', { line: 16, column: 15, seen: '"new"' }],
    ['limits', '{ Big: { value: 1, unit: s } }', { line: 16, column: 15, seen: 'Big' }],
    ['limits', "{ big: { value: '1', unit: s } }", { line: 16, column: 29, expected: 'a number' }],
    ['limits', '{ big: { value: 1 } }', { line: 16, column: 20, expected: 'the key unit', seen: 'value' }],
    ['module', 'Core', { line: 16, column: 13, seen: '"Core"' }],
  ])('a wrong value of %s: %s', async (key, value, expected) => {
    const problems = await problemsOf({ 'a.yaml': head + entry('A-1', { [key]: value }) });

    expect(problems).toMatchObject([{ file: 'a.yaml', ...expected }]);
  });

  test('a wrong id', async () => {
    expect(await problemsOf({ 'a.yaml': head + entry('aem 1') })).toMatchObject([
      { line: 8, column: 9, message: 'a wrong value of requirements[0].id', seen: '"aem 1"' },
    ]);
  });
});

describe('between requirements', () => {
  test('an id used in two files is told with both places', async () => {
    const problems = await problemsOf({
      'a.yaml': head + entry('A-1'),
      'b.yaml': head + entry('B-1') + entry('A-1'),
    });

    expect(problems).toEqual([
      {
        file: 'b.yaml',
        line: 16,
        column: 9,
        message: 'the id A-1 is used twice',
        expected: 'an id that was never used',
        seen: 'A-1, also at a.yaml:8:9',
      },
    ]);
  });

  test('a retired id must not be used again', async () => {
    const problems = await problemsOf({
      'a.yaml': head + entry('A-1', { status: 'retired' }),
      'b.yaml': head + entry('A-1'),
    });

    expect(problems).toMatchObject([
      { file: 'b.yaml', line: 8, column: 9, message: 'the id A-1 is retired and used again' },
    ]);
  });

  test('a parent that does not exist is told with the one that was meant', async () => {
    const problems = await problemsOf({
      'a.yaml': head + entry('ABC-001') + entry('ABC-002', { parents: '[ABC-01]' }),
    });

    expect(problems).toEqual([
      {
        file: 'a.yaml',
        line: 19,
        column: 15,
        message: 'a parent of ABC-002 does not exist',
        expected: 'the id of a requirement',
        seen: 'ABC-01',
        hint: 'did you mean ABC-001?',
      },
    ]);
  });

  test('a parent that is retired is told with its place', async () => {
    const problems = await problemsOf({
      'a.yaml': head + entry('A-1', { status: 'retired' }) + entry('A-2', { parents: '[A-1]' }),
    });

    expect(problems).toMatchObject([
      { line: 20, column: 15, message: 'a parent of A-2 is retired', seen: 'A-1, retired at a.yaml:8:9' },
    ]);
  });

  test('a cycle is spelled out', async () => {
    const problems = await problemsOf({
      'a.yaml':
        head +
        entry('A-1', { parents: '[A-3]' }) +
        entry('A-2', { parents: '[A-1]' }) +
        entry('A-3', { parents: '[A-2]' }),
    });

    expect(problems).toEqual([
      {
        file: 'a.yaml',
        line: 19,
        column: 15,
        message: 'requirements are their own ancestors',
        expected: 'parents without a cycle',
        seen: 'A-1 -> A-3 -> A-2 -> A-1',
      },
    ]);
  });

  test('a requirement that is its own parent', async () => {
    expect(await problemsOf({ 'a.yaml': head + entry('A-1', { parents: '[A-1]' }) })).toMatchObject([
      { line: 11, column: 15, seen: 'A-1 -> A-1' },
    ]);
  });

  test('two ways to one ancestor are no cycle', async () => {
    await write({
      'a.yaml':
        head +
        entry('A-1') +
        entry('A-2', { parents: '[A-1]' }) +
        entry('A-3', { parents: '[A-1]' }) +
        entry('A-4', { parents: '[A-2, A-3]' }),
    });

    await expect(loadRequirements(folder)).resolves.toBeDefined();
  });

  test.each([
    ['It does.', 'none'],
    ['It shall do this and shall do that.', '2 of them'],
    ['It Shall do this; it SHALL do that.', '2 of them'],
    ['The marshall marshalls.', 'none'],
  ])('a statement needs exactly one shall: %s', async (statement, seen) => {
    expect(await problemsOf({ 'a.yaml': head + entry('A-1', { statement }) })).toMatchObject([
      {
        line: 13,
        column: 16,
        message: 'the statement of A-1 is not one requirement',
        expected: 'exactly one "shall"',
        seen,
      },
    ]);
  });

  test('a source that the file does not list', async () => {
    const source = '{ document: Dog, part: one, certainty: stated }';

    expect(await problemsOf({ 'a.yaml': head + entry('A-1', { source }) })).toMatchObject([
      { line: 10, column: 25, seen: 'Dog', expected: 'one of Doc', hint: 'did you mean Doc?' },
    ]);
  });
});

describe('the names of files', () => {
  test('one that ends in .yml is told, not left out', async () => {
    expect(await problemsOf({ 'a.yaml': head + entry('A-1'), 'b/c.yml': head + entry('B-1') })).toEqual([
      { file: 'b/c.yml', message: 'a file of requirements has another name', expected: 'one that ends in .yaml' },
    ]);
  });

  test('an editor’s lock beside a file is no file of requirements', async () => {
    await write({ 'a.yaml': head + entry('A-1'), '.hidden/b.yaml': head + entry('B-1') });
    await symlink('somebody@somewhere.1234', path.join(folder, '.#a.yaml'));

    expect((await loadRequirements(folder)).files).toEqual([path.join(folder, 'a.yaml')]);
  });

  test('a file that cannot be read is told with its name', async () => {
    await write({ 'a.yaml': head + entry('A-1') });
    await symlink('gone.yaml', path.join(folder, 'b.yaml'));

    await expect(loadRequirements(folder)).rejects.toMatchObject({
      exitStatus: ExitStatus.Usage,
      details: { where: path.join(folder, 'b.yaml') },
    });
  });
});

describe('the error', () => {
  test('has everything that is wrong, by place, each as file:line:column', async () => {
    const files = {
      'b.yaml': head + entry('A-1', { priority: 'P7' }),
      'a.yaml': head + entry('A-1', { statement: 'None.', parents: '[A-9]', colour: 'red' }),
    };
    const problems = await problemsOf(files);
    const error = await loadRequirements(folder).catch((reason: unknown) => reason);

    expect(problems.map(({ file, line, column }) => `${file}:${line}:${column}`)).toEqual([
      'a.yaml:11:15',
      'a.yaml:13:16',
      'a.yaml:16:5',
      'b.yaml:8:9',
      'b.yaml:12:15',
    ]);
    expect(error).toBeInstanceOf(InputError);
    expect((error as SpecError).exitStatus).toBe(ExitStatus.Usage);
    expect((error as SpecError).message).toContain('5 problems in the requirements\n');
    expect((error as SpecError).message).toContain(
      `${folder}/b.yaml:12:15: a wrong value of requirements[0].priority\n` +
        '  expected: one of P1, P2, P3\n  seen:     "P7"',
    );
  });

  test('a folder without requirements, and one that is not there', async () => {
    await expect(loadRequirements(folder)).rejects.toThrow('there are no requirements');
    await expect(loadRequirements(path.join(folder, 'no'))).rejects.toThrow(InputError);
  });
});

describe('looking up', () => {
  test('an unknown id is answered with the nearest', async () => {
    await write({ 'a.yaml': head + entry('ABC-001') + entry('ABC-002', { status: 'retired' }) });
    const set = await loadRequirements(folder);

    expect(findRequirement(set, 'ABC-001').title).toBe('A title');
    expect(() => findRequirement(set, 'ABC-01')).toThrow(
      expect.objectContaining({ details: expect.objectContaining({ hint: 'did you mean ABC-001?' }) }),
    );
    expect(() => findRequirement(set, 'ABC-002')).toThrow(
      expect.objectContaining({
        details: expect.objectContaining({ seen: expect.stringContaining('retired') }),
      }),
    );
    expect(() => limitOf(set, 'ABC-001', 'events')).toThrow('ABC-001 has no limit events');
  });
});
