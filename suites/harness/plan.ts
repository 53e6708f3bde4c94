// SPDX-License-Identifier: GPL-2.0-only
import { readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { digestFolders, digestValue } from '../../lib/digest.ts';
import { InputError } from '../../lib/errors.ts';
import { projectRoot } from '../../lib/paths.ts';
import { runsOn } from '../../lib/runs-on.ts';
import type { Flavour } from '../../kernel/build/artifacts.ts';
import type { Binding, PlannedTest } from '../../reporters/results.ts';
import { plural } from '../../reporters/text.ts';
import { writeAtomically } from '../../reporters/write.ts';
import { nearest } from '../../specs/loader/index.ts';
import type { Link, RequirementSet } from '../../specs/loader/index.ts';
import { suiteOf } from './ids.ts';
import { openVitest } from './vitest.ts';
// Types of what the tests carry.
import type {} from './verifies.ts';

/** All tests there are, by file, and in a file in the order in which they run. Loads the files, runs nothing. */
export async function collectPlan(): Promise<readonly PlannedTest[]> {
  return (await collect()).map(({ test }) => test);
}

/** Which test verifies what, with the fingerprints of both ends. */
export async function collectLinks(requirements: RequirementSet): Promise<readonly Link[]> {
  return (await collect()).flatMap(({ test, fingerprint }) =>
    test.requirements.map((requirementId) => ({
      testId: test.id,
      requirementId,
      requirement: requirements.byId.get(requirementId)?.fingerprint ?? '',
      test: fingerprint,
    })),
  );
}

interface Collected {
  readonly test: PlannedTest;
  /** Of its body, see fingerprintTest(). */
  readonly fingerprint: string;
}

/** As collected before, unless something has changed of what tests are made of. */
async function collect(): Promise<readonly Collected[]> {
  // Where a file goes while they are read, nobody knows of what the plan is made.
  const digest = (): Promise<string | undefined> => digestOfSources().catch(() => undefined);
  const made = await digest();
  const known = await readFile(planFile, 'utf8').then((text) => JSON.parse(text) as KeptPlan, () => undefined);
  if (made !== undefined && known?.made === made) return known.tests;
  const tests = await load();
  // Of what has changed meanwhile nobody knows whether it was seen. And one that cannot be kept is collected each time.
  if (made !== undefined && (await digest()) === made) {
    const plan: KeptPlan = { made, tests };
    await writeAtomically(planFile, JSON.stringify(plan), dirname(planFile)).catch(() => undefined);
  }
  return tests;
}

interface KeptPlan {
  readonly made: string;
  readonly tests: readonly Collected[];
}

/** With the tests of the harness itself, see vitest.config.ts, or without. */
const fixtures = process.env['AEMCERT_FIXTURES'] === undefined ? '' : '-fixtures';
const planFile = join(projectRoot, `node_modules/.cache/aemcert/plan${fixtures}.json`);

/** Tests and what they import, of which they may be made: figures of the specs, tables of the guest's programs. */
async function digestOfSources(): Promise<string> {
  const folders = ['kernel', 'lib', 'modules', 'reporters', 'specs', 'suites'];
  const locks = ['package-lock.json', 'node_modules/.package-lock.json'].map((file) => join(projectRoot, file));
  const packages = await Promise.all(locks.map((file) => readFile(file, 'utf8')));
  return digestValue({ sources: await digestFolders(projectRoot, folders), packages, node: process.version });
}

async function load(): Promise<readonly Collected[]> {
  const vitest = await openVitest({});
  try {
    const { testModules, unhandledErrors } = await vitest.collect();
    const broken = [...testModules.flatMap((module) => module.errors()), ...unhandledErrors];
    const [first] = broken;
    if (first !== undefined) {
      const { message = 'no message', stack = message } = first as { message?: string; stack?: string };
      throw new InputError('a test file cannot be loaded', { seen: stack });
    }
    const found = testModules.flatMap((module) =>
      [...module.children.allTests()].map((test): Collected => {
        const { plan } = test.meta();
        const file = relative(projectRoot, module.moduleId);
        if (plan === undefined) {
          throw new InputError('a test verifies nothing', {
            where: file,
            expected: 'tests defined by verifies()',
            seen: test.fullName,
          });
        }
        const { id, requirements, fingerprint, flavours, binding, facility, needs } = plan;
        const planned: PlannedTest = {
          id,
          suite: suiteOf(file),
          file,
          title: test.name,
          requirements,
          binding,
          ...(facility === undefined ? {} : { facility }),
          ...(flavours === undefined ? {} : { flavours }),
          ...(needs === undefined ? {} : { needs }),
        };
        return { test: planned, fingerprint };
      }),
    );
    const sorted = found.sort((a, b) => a.test.file.localeCompare(b.test.file, 'en'));
    checkUnique(sorted.map(({ test }) => test));
    return sorted;
  } finally {
    await vitest.close();
  }
}

function checkUnique(plan: readonly PlannedTest[]): void {
  const seen = new Map<string, PlannedTest>();
  for (const test of plan) {
    const other = seen.get(test.id);
    if (other !== undefined) {
      throw new InputError('two tests have the same id', {
        where: test.file,
        seen: `${test.id}: “${test.title}” and “${other.title}”`,
        hint: 'give one another title',
      });
    }
    seen.set(test.id, test);
  }
}

/** What a user may ask to leave out. */
export interface Selection {
  readonly modules: readonly string[];
  /** Requirement ids; a parent stands for all that comes below it. */
  readonly requirements: readonly string[];
  /** Text that title, id or file contains. */
  readonly grep?: string | undefined;
  /** Only the tests of this binding; both when absent. */
  readonly binding?: Binding | undefined;
  /** Of the kernel: tests that need another are left out, and are no part of the run. */
  readonly flavour: Flavour;
  readonly shard?: Shard | undefined;
}

/** A part of a run: the others run elsewhere, and `aemcert merge` makes one of them. */
export interface Shard {
  /** From 1. */
  readonly index: number;
  readonly count: number;
}

/** The tests that a selection leaves in. Throws an InputError when it names what is not there. */
export function selectTests(
  plan: readonly PlannedTest[],
  selection: Selection,
  requirements: RequirementSet,
): readonly PlannedTest[] {
  const suites = [...new Set(plan.map((test) => test.suite))];
  for (const module of selection.modules) {
    if (!suites.includes(module)) throw unknown('module', module, suites);
  }
  for (const id of selection.requirements) {
    if (!requirements.byId.has(id)) throw unknown('requirement', id, [...requirements.byId.keys()]);
  }
  const wanted = new Set(selection.requirements.flatMap((id) => withChildren(id, requirements)));
  const { binding, grep } = selection;
  const asked = plan.filter(
    (test) =>
      (binding === undefined || test.binding === binding) &&
      (selection.modules.length === 0 || selection.modules.includes(test.suite)) &&
      (wanted.size === 0 || test.requirements.some((id) => wanted.has(id))) &&
      (grep === undefined || [test.title, test.id, test.file].some((text) => text.includes(grep))),
  );
  const here = asked.filter((test) => runsOn(test, selection.flavour));
  const selected = selection.shard === undefined ? here : shardOf(here, selection.shard);
  if (selected.length === 0) {
    if (here.length > 0) throw new InputError('no test file is left for this shard', { expected: `at most ${countFiles(here)} shards` });
    const [other] = asked.flatMap(({ flavours = [] }) => flavours);
    throw new InputError('no test is left by --module, --requirement, --grep, --binding and --flavour', {
      expected: `one of ${plan.length} tests`,
      ...(other === undefined ? {} : { seen: `only ${plural(asked.length, 'test')} of other flavours` }),
      hint: other === undefined ? 'aemcert run --list' : `--flavour ${other}`,
    });
  }
  return selected;
}

/** Whole files, as a guest runs them; dealt out one by one, so that each shard has some of every suite. */
function shardOf(tests: readonly PlannedTest[], { index, count }: Shard): readonly PlannedTest[] {
  const files = [...new Set(tests.map(({ file }) => file))].sort();
  const own = new Set(files.filter((_, at) => at % count === index - 1));
  return tests.filter(({ file }) => own.has(file));
}

function countFiles(tests: readonly PlannedTest[]): number {
  return new Set(tests.map(({ file }) => file)).size;
}

function withChildren(id: string, requirements: RequirementSet): readonly string[] {
  const children = requirements.byId.get(id)?.children ?? [];
  return [id, ...children.flatMap((child) => withChildren(child, requirements))];
}

function unknown(what: string, name: string, known: readonly string[]): InputError {
  const similar = nearest(name, known);
  return new InputError(`there is no ${what} ${name}`, {
    expected: known.length <= 12 ? known.join(', ') : `one of ${known.length}`,
    seen: name,
    hint: similar === undefined ? 'aemcert run --list' : `did you mean ${similar}?`,
  });
}
