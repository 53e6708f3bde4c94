#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0-only
import { bundle } from './bundle.js';

// An error's stack names the places in the sources.
process.setSourceMapsEnabled(true);
const url = await bundle().catch((error) => {
  process.stderr.write(`aemcert: the command cannot be put together\n  seen: ${error.message}\n  do:   npm ci\n`);
  // As lib/errors.ts has it: nothing can be said of any kernel.
  process.exit(3);
});
await import(url);
