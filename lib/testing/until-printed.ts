// SPDX-License-Identifier: GPL-2.0-only

/** A command whose stdout and stderr are read together, see execa's `all`. */
export type PrintingCommand = Promise<{ readonly all?: unknown }> & { readonly all: NodeJS.ReadableStream };

/** Waits until a command has printed this. One that ends by itself before fails the test. */
export async function untilPrinted(run: PrintingCommand, words: RegExp): Promise<void> {
  const printed = new Promise<void>((resolve) => {
    let all = '';
    run.all.on('data', (text: Buffer) => {
      // A piece may end in the middle of the words.
      all += text.toString();
      if (words.test(all)) resolve();
    });
  });
  await Promise.race([printed, run.then(({ all }) => Promise.reject(new Error(`it ended: ${String(all)}`)))]);
}
