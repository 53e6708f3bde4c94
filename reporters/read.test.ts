// SPDX-License-Identifier: GPL-2.0-only
import { readFile } from 'node:fs/promises';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { formatError, InputError } from '../lib/errors.ts';
import { parseResults, readResults } from './read.ts';
import { passingResults, sampleResults } from './testing/sample.ts';

type Json = ReturnType<typeof JSON.parse>;

function problemsOf(change: (results: Json) => void, from = sampleResults()): string {
  const results: Json = JSON.parse(JSON.stringify(from));
  change(results);
  try {
    parseResults(JSON.stringify(results), 'results.json');
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    return formatError(error);
  }
  return '';
}

describe('reading results', () => {
  test('takes the samples as they are', () => {
    for (const results of [sampleResults(), passingResults()]) {
      expect(parseResults(JSON.stringify(results), 'results.json')).toEqual(results);
    }
  });

  test('takes a filtered run', () => {
    const [first, ...leftOut] = passingResults().plan;
    const filtered = sampleResults({ leftOut, run: { filters: { grep: first?.title ?? '' } } });
    expect(problemsOf(() => undefined, filtered)).toBe('');
  });

  test('a time that is none is refused, and so are lines that no file has', () => {
    expect(problemsOf((r) => void (r.run.finishedAt = '2026-99-99T00:00:00Z'))).toContain('/run/finishedAt: there is no such time');
    expect(problemsOf((r) => void (r.lines = { files: [{ path: 'a.c', instrumented: '1-4000000000', functions: [], source: '' }], boot: {}, tests: {} }))).toContain(
      '/lines: no lines of a file: 1-4000000000',
    );
  });

  test('a missing file says how to make one', async () => {
    await expect(readResults('/nonexistent/results.json')).rejects.toMatchObject({
      exitStatus: 2,
      details: { where: '/nonexistent/results.json', hint: expect.stringContaining('aemcert run') },
    });
  });

  test.each(['', '{', 'null', '[]', '{"version": 1}'])('%j is refused', (text) => {
    expect(() => parseResults(text, 'results.json')).toThrow(InputError);
  });
});

describe('the schema', () => {
  test.each<[string, (results: Json) => void, string]>([
    [
      'an unknown verdict',
      (r) => {
        r.tests[3].verdict = 'OK';
      },
      'results.json:/tests/3/verdict: must be one of PASS',
    ],
    [
      'an unknown member',
      (r) => {
        r.run.extra = 1;
      },
      'results.json:/run: has an unknown member "extra"',
    ],
    [
      'a missing member',
      (r) => {
        delete r.subject.kernel.release;
      },
      '/subject/kernel: lacks its member "release"',
    ],
    [
      'another version',
      (r) => {
        r.version = 2;
      },
      'results.json:/version: must be 1',
    ],
    [
      'a time without zone',
      (r) => {
        r.run.startedAt = '2026-03-02T09:15:00';
      },
      'results.json:/run/startedAt:',
    ],
    [
      'a digest that is none',
      (r) => {
        r.subject.kernel.image.sha256 = 'x';
      },
      '/subject/kernel/image/sha256:',
    ],
  ])('refuses %s', (_what, change, message) => {
    expect(problemsOf(change)).toContain(message);
  });

  test('says the same as results.ts, member by member', async () => {
    const schema: Json = JSON.parse(
      await readFile(new URL('schema/results.schema.json', import.meta.url), 'utf8'),
    );
    const source = await readFile(new URL('results.ts', import.meta.url), 'utf8');
    const file = ts.createSourceFile('results.ts', source, ts.ScriptTarget.ES2022);
    const compared: string[] = [];
    for (const statement of file.statements) {
      if (!ts.isInterfaceDeclaration(statement)) continue;
      compare(statement.name.text, statement.members, schema.$defs[statement.name.text], compared);
    }
    expect(compared).toContain('RunInfo.suite');
    expect(compared).toContain('Incident');

    function compare(at: string, members: ts.NodeArray<ts.TypeElement>, node: Json, seen: string[]): void {
      seen.push(at);
      const properties = members.filter(ts.isPropertySignature);
      const named = properties.map((member) => ({ member, name: member.name.getText(file) }));
      expect(Object.keys(node.properties).sort(), at).toEqual(named.map(({ name }) => name).sort());
      const required = named
        .filter(({ member }) => member.questionToken === undefined)
        .map(({ name }) => name);
      expect([...node.required].sort(), at).toEqual(required.sort());
      expect(node.additionalProperties, at).toBe(false);
      for (const { member, name } of named) {
        if (member.type !== undefined && ts.isTypeLiteralNode(member.type)) {
          compare(`${at}.${name}`, member.type.members, node.properties[name], seen);
        } else if (member.type !== undefined && ts.isUnionTypeNode(member.type)) {
          const values = member.type.types.map((type) => type.getText(file).replaceAll("'", ''));
          expect([...node.properties[name].enum].sort(), `${at}.${name}`).toEqual(values.sort());
        }
      }
    }
  });
});

describe('the rules that no schema sees', () => {
  test.each<[string, (results: Json) => void, string]>([
    [
      'a planned test without result',
      (r) => {
        r.tests.splice(2, 1);
      },
      '/plan/2: "pexit/notify/native-reports-the-exit-code" was planned and has no entry',
    ],
    [
      'a result that was not planned',
      (r) => {
        r.tests.push({ ...r.tests[0], id: 'a/b/c' });
      },
      '/tests/9: "a/b/c" has a result and was not planned',
    ],
    [
      'a result twice',
      (r) => {
        r.tests.push(r.tests[0]);
      },
      '/tests/9/id: "pexit/notify/reports-the-exit-code-of-a-process" is already /tests/0',
    ],
    [
      'a requirement twice',
      (r) => {
        r.requirements.push(r.requirements[0]);
      },
      '/requirements/11/id',
    ],
    [
      'a test of another binding than the run’s',
      (r) => {
        r.run.binding = 'native';
      },
      'is not of the binding native',
    ],
    [
      'facilities that no test names',
      (r) => {
        r.requirements[0].facilities = [{ facility: 'epoll', binding: 'native', verdict: 'PASS' }];
      },
      'its tests name other facilities',
    ],
    [
      'a pass without assertion',
      (r) => {
        r.tests[0].assertions = 0;
      },
      '/tests/0: PASS without an executed assertion',
    ],
    [
      'a pass that never started',
      (r) => {
        delete r.tests[0].startedAt;
      },
      '/tests/0: PASS of a test that was not started',
    ],
    [
      'a failure without reason',
      (r) => {
        delete r.tests[3].reason;
      },
      '/tests/3: FAIL without a reason',
    ],
    [
      'a requirement greener than its tests',
      (r) => {
        r.requirements[5].verdict = 'PASS';
      },
      '/requirements/5/verdict: AEM-PEXIT-004 is PASS, but its tests and children make it FAIL',
    ],
    [
      'a parent greener than its children',
      (r) => {
        r.requirements[0].verdict = 'PASS';
      },
      '/requirements/0/verdict: AVL.5.3 is PASS',
    ],
    [
      'a test taken from its requirement',
      (r) => {
        r.requirements[4].tests.pop();
      },
      '/requirements/4/tests',
    ],
    [
      'a test lent to a requirement',
      (r) => {
        r.requirements[9].tests.push(r.tests[0].id);
      },
      '/requirements/9/tests',
    ],
    [
      'a child that is none',
      (r) => {
        r.requirements[0].children.push('PRF.5.0');
      },
      '/requirements/0/children',
    ],
    [
      'a parent that is not there',
      (r) => {
        r.requirements[4].parents.push('XYZ');
      },
      '/requirements/4/parents',
    ],
    [
      'left out without filters',
      (r) => {
        r.requirements[10].selected = false;
      },
      '/requirements/10/selected',
    ],
    [
      'an incident of no test',
      (r) => {
        r.incidents[0].testId = 'no';
      },
      '/incidents/0/testId',
    ],
  ])('refuse %s', (_what, change, message) => {
    expect(problemsOf(change)).toContain(message);
  });
});
