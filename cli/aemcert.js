#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0-only
import { bundle } from './bundle.js';

// An error's stack names the places in the sources.
process.setSourceMapsEnabled(true);
await import(await bundle());
