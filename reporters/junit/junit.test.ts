// SPDX-License-Identifier: GPL-2.0-only
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Results } from '../results.ts';
import { passingResults, sampleResults, sampleTest } from '../testing/sample.ts';
import { junitXml } from './junit.ts';

const schema = fileURLToPath(new URL('schema/jenkins-junit.xsd', import.meta.url));
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aemcert-junit-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Needs xmllint, of Debian's libxml2-utils. */
async function validate(xml: string, xsd = schema): Promise<string> {
  const path = join(folder, 'junit.xml');
  await writeFile(path, xml);
  const { exitCode, stderr } = await execa('xmllint', ['--noout', '--schema', xsd, path], { reject: false });
  return exitCode === 0 ? 'valid' : stderr;
}

async function xpath(xml: string, expression: string): Promise<string> {
  const { stdout } = await execa('xmllint', ['--xpath', expression, '-'], { input: xml });
  return stdout;
}

const withConsole = (console: string): Results =>
  sampleResults({
    tests: [sampleTest('core/a/b', 'FAIL', { console, requirements: ['AEM-CORE-010'] })],
    incidents: [],
  });

describe('against the schema', () => {
  test.each<[string, Results]>([
    ['every verdict', sampleResults()],
    ['all passed', passingResults()],
    ['an empty plan', sampleResults({ tests: [], incidents: [] })],
    ['hostile text', withConsole('\u0000\u001b[31m]]>\ud800<&"\ufffe\u0085 ]]>\r\n\t')],
  ])('%s is valid', async (_what, results) => {
    expect(await validate(junitXml(results))).toBe('valid');
  });

  test('the xunit profile is valid without our extension', async () => {
    const strict = join(folder, 'strict.xsd');
    const text = await readFile(schema, 'utf8');
    const lines = text.split('\n');
    const kept = lines.filter((line) => !line.includes('<!-- extension -->'));
    expect(lines.length - kept.length).toBe(1);
    await writeFile(strict, kept.join('\n'));

    expect(await validate(junitXml(sampleResults(), { profile: 'xunit' }), strict)).toBe('valid');
    expect(await validate(junitXml(sampleResults()), strict)).not.toBe('valid');
  });
});

describe('each verdict', () => {
  const xml = junitXml(sampleResults());
  const caseOf = (id: string): string => `//testcase[properties/property[@name="test" and @value="${id}"]]`;

  test('FAIL is a failure with clause, expected, observed, console and how to repeat', async () => {
    const at = caseOf('pexit/fault/reports-the-signal-of-a-fault');
    const text = await xpath(xml, `string(${at}/failure)`);
    expect(await xpath(xml, `string(${at}/failure/@type)`)).toBe('FAIL');
    expect(text).toContain('AEM-PEXIT-004: aem-pexit shall pass the wait(2) status word');
    expect(text).toContain('expected: exit_code & 0x7f = 11 (SIGSEGV)');
    expect(text).toContain('observed: exit_code & 0x7f = 0 (returned 11)');
    expect(text).toContain('aem-pexit: status of 213 is <0b00>\n]]> & "quoted"');
    expect(text).toContain(
      `npx aemcert run --grep 'reports the signal of a fault, and it'\\''s not "0" <& ]]> |'`,
    );
    expect(text).toContain('npx aemcert run --requirement AEM-PEXIT-004');
  });

  test('UNRESOLVED is an error; UNSUPPORTED and UNTESTED are skipped with their reason', async () => {
    expect(await xpath(xml, `string(${caseOf('timer/posix/never-fires-early')}/error/@type)`)).toBe(
      'UNRESOLVED',
    );
    expect(await xpath(xml, `string(${caseOf('timer/posix/counts-overruns')}/skipped/@message)`)).toBe(
      'UNTESTED: the target could not be restarted in time',
    );
    expect(
      await xpath(xml, `string(${caseOf('tipc/topology/reports-a-node-that-goes-down')}/skipped/@message)`),
    ).toBe('UNSUPPORTED: the kernel has no AF_TIPC (CONFIG_TIPC is off)');
  });

  test('PASS is bare', async () => {
    const at = caseOf('pexit/notify/native-reports-the-exit-code');
    expect(await xpath(xml, `count(${at}/*[not(self::properties)])`)).toBe('0');
  });

  test('suites are modules with counts, UTC times and the facts of the run', async () => {
    expect(await xpath(xml, 'count(//testsuite)')).toBe('4');
    expect(await xpath(xml, 'string(//testsuite[@name="pexit"]/@failures)')).toBe('1');
    expect(await xpath(xml, 'string(//testsuite[@name="timer"]/@errors)')).toBe('1');
    expect(await xpath(xml, 'string(//testsuite[@name="timer"]/@skipped)')).toBe('1');
    expect(await xpath(xml, 'string(//testsuite[1]/@timestamp)')).toBe('2026-03-02T09:16:00.000Z');
    expect(await xpath(xml, 'string(//testsuite[1]/properties/property[@name="kernel"]/@value)')).toBe(
      '6.12.117-aem',
    );
    expect(await xpath(xml, 'count(//testcase)')).toBe('9');
  });

  test('cases name their requirements, and keep class names that do not depend on titles', async () => {
    const at = caseOf('pexit/fault/reports-the-signal-of-a-fault');
    expect(await xpath(xml, `count(${at}/properties/property[@name="requirement"])`)).toBe('2');
    expect(await xpath(xml, `string(${at}/@classname)`)).toBe('aemcert.pexit.fault');
  });
});

describe('what readers trip over', () => {
  test('equal titles become unique names', async () => {
    const same = (id: string, binding: 'aem' | 'native') =>
      sampleTest(id, 'PASS', { title: 'same', binding });
    const tests = [same('core/a/1', 'aem'), same('core/a/2', 'native'), same('core/a/3', 'native')];
    const names = await xpath(junitXml(sampleResults({ tests, incidents: [] })), '//testcase/@name[. != ""]');
    const own = [...names.matchAll(/name="(same[^"]*)"/g)].map(([, name]) => name);
    expect(own).toEqual(['same (aem)', 'same (native) [core/a/2]', 'same (native) [core/a/3]']);
  });

  test('times have no exponent', () => {
    const tests = [sampleTest('core/a/b', 'PASS', { durationMs: 0.0001 })];
    expect(junitXml(sampleResults({ tests, incidents: [] }))).not.toMatch(/time="[^"]*e/);
  });

  test('control characters and colours are gone', () => {
    // eslint-disable-next-line no-control-regex -- what must not be there
    expect(junitXml(withConsole('\u001b[31mred\u001b[0m\u0007\u0000'))).not.toMatch(/[\u0000-\u0008\u001b]/);
  });

  test('long texts are cut with a note, and the document keeps to its limit', () => {
    const tests = Array.from({ length: 40 }, (_, index) =>
      sampleTest(`core/a/${index}`, 'FAIL', { console: 'x'.repeat(200_000), requirements: [] }),
    );
    const results = sampleResults({ tests, incidents: [] });
    expect(junitXml(results)).toContain('characters cut; results.json has them all');
    expect(Buffer.byteLength(junitXml(results, { maxBytes: 400_000 }))).toBeLessThan(400_000);
  });

  test('a run that does not pass is never all green', async () => {
    const cut = passingResults({ run: { complete: false, interruption: 'SIGTERM' } });
    expect(await xpath(junitXml(cut), 'string(//testsuite[@name="conclusion"]//error/@message)')).toContain(
      'SIGTERM',
    );
    const empty = sampleResults({ tests: [], incidents: [] });
    expect(await xpath(junitXml(empty), 'count(//error | //failure)')).toBe('1');
    expect(await xpath(junitXml(passingResults()), 'count(//testsuite[@name="conclusion"])')).toBe('0');
  });
});
