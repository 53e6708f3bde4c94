// SPDX-License-Identifier: GPL-2.0-only
import { expect, test } from 'vitest';
import { firstErrors } from './compile-error.ts';

test("the compiler's first error with its context, without what other compilers say", () => {
  const output = [
    '  CC      kernel/exit.o',
    "kernel/aem.c: In function 'aem_attach':",
    "kernel/aem.c:12:2: error: 'x' undeclared (first use in this function)",
    '  CC      kernel/fork.o',
    '   12 |  x = 1;',
    '      |  ^',
    'make[3]: *** [scripts/Makefile.build:229: kernel/aem.o] Error 1',
    'kernel/other.c:1:1: error: later',
  ];

  expect(firstErrors(output)).toEqual([
    "kernel/aem.c: In function 'aem_attach':",
    "kernel/aem.c:12:2: error: 'x' undeclared (first use in this function)",
    '   12 |  x = 1;',
    '      |  ^',
  ]);
});

test.each([
  "ld: main.o: undefined reference to `aem_raise'",
  'ERROR: modpost: "aem_raise" [/m/aem-pexit.ko] undefined!',
  "make[2]: *** No rule to make target 'missing.o', needed by 'aem-core.o'.  Stop.",
  "entry.S:3: Error: no such instruction: `nope'",
])('%j is an error', (line) => {
  expect(firstErrors(['  LD      vmlinux', line]).join()).toContain(line.slice(0, 20));
});

test('without one, what make complains of', () => {
  expect(firstErrors(['  CC  a.o', 'make: *** [Makefile:224: __sub-make] Error 2'])).toEqual([
    'make: *** [Makefile:224: __sub-make] Error 2',
  ]);
});

test('no more lines than asked for', () => {
  const output = Array.from({ length: 50 }, (_, index) => `a.c:${index}: error: no`);

  expect(firstErrors(output, 5)).toHaveLength(5);
});
