import { defineConfig } from 'vitest/config';
export default defineConfig({ test: { include: ['reporters/**/*.test.ts', 'cli/commands/coverage.test.ts'] } });
