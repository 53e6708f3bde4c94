// SPDX-License-Identifier: GPL-2.0-only

/** Programs that others have made and that run in the guest: where they come from, by name. */
const clients = { ab: 'apache2-utils', curl: 'curl', httperf: 'httperf', wrk: 'wrk' } as const;

/** Suites that need some. */
const needed: Readonly<Record<string, Readonly<Record<string, string>>>> = { httpd: clients };

/** The ones that tests need, see GuestBuild. */
export function hostProgramsFor(tests: readonly { readonly suite: string }[]): Readonly<Record<string, string>> {
  const suites = new Set(tests.map(({ suite }) => suite));
  return Object.assign({}, ...[...suites].map((suite) => needed[suite] ?? {})) as Readonly<Record<string, string>>;
}
