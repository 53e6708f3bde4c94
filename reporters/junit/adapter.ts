// SPDX-License-Identifier: GPL-2.0-only
/**
 * junit-report-builder behind a narrow interface that mends what it lacks: a message on `<skipped>`, `]]>`
 * inside texts (it splits the first only), times without exponent, time stamps with their zone, a root
 * element that readers accept, and text that XML can carry.
 */
import reportModule, { type Builder, type TestCase } from 'junit-report-builder';
import { plain } from '../text.ts';

// Its types describe an ES module; at run time the default export is the builder itself.
const sharedBuilder = reportModule as unknown as Builder;

export interface JUnitSuite {
  readonly name: string;
  /** ISO 8601 with its zone; written as it is. */
  readonly timestamp: string;
  readonly properties: readonly JUnitProperty[];
  readonly cases: readonly JUnitCase[];
}

export interface JUnitCase {
  readonly name: string;
  readonly className: string;
  readonly seconds: number;
  readonly properties: readonly JUnitProperty[];
  /** Absent when the test passed. */
  readonly outcome?: JUnitOutcome;
  readonly systemOut?: string;
}

export interface JUnitOutcome {
  readonly element: 'failure' | 'error' | 'skipped';
  /** Machine-readable kind of the outcome. */
  readonly type: string;
  /** One line. */
  readonly message: string;
  /** The whole story, several lines. */
  readonly text?: string;
}

export interface JUnitProperty {
  readonly name: string;
  readonly value: string;
}

/** Writes the suites as one JUnit document. */
export function buildJUnit(name: string, suites: readonly JUnitSuite[]): string {
  // The default export is shared by the whole process; a builder of our own is not.
  const builder = sharedBuilder.newBuilder().name(plain(name));
  const skips: JUnitOutcome[] = [];
  for (const suite of suites) {
    const node = builder
      .testSuite()
      .name(plain(suite.name))
      .timestamp(suite.timestamp)
      .time(plainNumber(sum(suite.cases)));
    for (const property of suite.properties) node.property(plain(property.name), plain(property.value));
    for (const testCase of suite.cases) addCase(node.testCase(), testCase, skips);
  }
  const xml = mendRoot(builder.build(), sum(suites.flatMap(({ cases }) => cases)));
  return fillSkips(xml, skips).replaceAll(cdataEndMark, ']]]]><![CDATA[>');
}

function addCase(node: TestCase, testCase: JUnitCase, skips: JUnitOutcome[]): void {
  node.name(plain(testCase.name)).className(plain(testCase.className)).time(plainNumber(testCase.seconds));
  for (const property of testCase.properties) node.property(plain(property.name), plain(property.value));
  const { outcome } = testCase;
  if (outcome?.element === 'failure') {
    node.failure(plain(outcome.message), outcome.type);
    if (outcome.text !== undefined) node.stacktrace(cdata(outcome.text));
  } else if (outcome?.element === 'error') {
    node.error(
      plain(outcome.message),
      outcome.type,
      outcome.text === undefined ? undefined : cdata(outcome.text),
    );
  } else if (outcome !== undefined) {
    node.skipped();
    skips.push(outcome);
  }
  if (testCase.systemOut !== undefined) node.standardOutput(cdata(testCase.systemOut));
}

/** Stands for `]]>` until the document is built; private-use characters, which no console prints. */
const cdataEndMark = '\ue000\uf8ff\ue000';

/** The builder wraps text in CDATA, whose end must not occur inside. */
function cdata(text: string): string {
  return plain(text).replaceAll(']]>', cdataEndMark);
}

/** The builder prints numbers with String(), which makes 1e-7 of small ones; three digits never do. */
function plainNumber(seconds: number): number {
  return Number(seconds.toFixed(3));
}

function sum(cases: readonly JUnitCase[]): number {
  return cases.reduce((total, { seconds }) => total + seconds, 0);
}

/** The root: no `skipped`, which the schema does not know there, and the time of the whole. */
function mendRoot(xml: string, seconds: number): string {
  return xml.replace(/<testsuites\b[^>]*>/, (root) =>
    root.replace(/ skipped="\d+"/, '').replace(/\s*(\/?)>$/, ` time="${seconds.toFixed(3)}"$1>`),
  );
}

/**
 * Elements that the builder left empty, in the order in which they were added. Escaped `<` cannot look like
 * one.
 */
function fillSkips(xml: string, skips: readonly JUnitOutcome[]): string {
  let next = 0;
  // CDATA sections are matched first, so that what they quote stays as it is.
  const filled = xml.replace(/<!\[CDATA\[[\s\S]*?\]\]>|<skipped\/>/g, (match) => {
    if (match !== '<skipped/>') return match;
    const skip = skips[next];
    next += 1;
    if (skip === undefined) throw new Error('JUnit: more skipped elements than skips');
    return `<skipped type="${attribute(skip.type)}" message="${attribute(plain(skip.message))}"/>`;
  });
  if (next !== skips.length) throw new Error('JUnit: a skipped element is lost');
  return filled;
}

function attribute(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\t', '&#x9;')
    .replaceAll('\n', '&#xA;');
}
