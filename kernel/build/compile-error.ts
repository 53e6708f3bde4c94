// SPDX-License-Identifier: GPL-2.0-only

const first = new RegExp(
  [
    '\\b(fatal )?error: |: Error: |undefined reference to|^ERROR: modpost:',
    'No rule to make target|No space left on device|Killed signal terminated',
  ].join('|'),
);
const makes = /^make(\[\d+\])?: \*\*\*/;

/**
 * The lines of a build's output that tell why it failed: the first error of the compiler,
 * the linker or modpost with what belongs to it, at most `limit` lines. With -j the lines of
 * other compilers stand between; they are left out. Without an error, make's own complaints.
 */
export function firstErrors(output: readonly string[], limit = 12): readonly string[] {
  const start = output.findIndex((line) => first.test(line));
  if (start < 0) {
    const complaints = output.filter((line) => makes.test(line));
    return (complaints.length > 0 ? complaints : output).slice(-limit);
  }
  // gcc tells the function before the error, and the source line with its mark after it.
  const context = /: In function|^In file included|^ +from /;
  let begin = start;
  while (begin > 0 && context.test(output[begin - 1] ?? '')) begin -= 1;
  const told: string[] = [];
  for (const line of output.slice(begin)) {
    if (makes.test(line) && told.length > 0) break;
    if (/^ {2}[A-Z][A-Z0-9_]*( \[M\])? +\S/.test(line)) continue;
    told.push(line);
    if (told.length === limit) break;
  }
  return told;
}
