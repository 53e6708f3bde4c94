// SPDX-License-Identifier: GPL-2.0-only
import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['node_modules/', 'reports/'] },
  eslint.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // Numbers in messages are what they look like.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // Objects here are closures, not instances: their methods know no `this`.
      '@typescript-eslint/unbound-method': 'off',
      // Arrow functions of one call: `() => log.write(line)`.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // make() and the like may answer, and mostly do not.
      '@typescript-eslint/no-invalid-void-type': 'off',
      // What is aborted rejects with the signal's reason.
      '@typescript-eslint/prefer-promise-reject-errors': ['error', { allowThrowingUnknown: true }],
    },
  },
  {
    files: ['**/*.ts'],
    ignores: ['**/*.test.ts', '*.config.ts', 'suites/vitest.config.ts', 'lib/paths.ts'],
    rules: {
      'no-restricted-syntax': ['error', { selector: 'MetaProperty[meta.name="import"]', message: 'No module knows where it was once bundled: use projectRoot.' }],
    },
  },
  {
    // Tests look into JSON of any shape, and hand broken data to the code on purpose.
    files: ['**/*.test.ts', '**/testing/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-unnecessary-condition': 'off',
    },
  },
  {
    files: ['**/*.js'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly' } },
  },
);
