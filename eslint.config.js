import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';
import millrace from './scripts/check-walls.mjs';

const LATER = 'Erasable TypeScript only: it must run without being compiled.';
const PURE = 'engine/ and processors/ are pure (docs/protocol.md, J8)';

/** What acts or differs between two runs. */
const IMPURE_GLOBALS = [
  ['Date', 'use context.time'],
  ['performance', 'use context.time'],
  ['crypto', 'use context.uuid'],
  ['process', 'pass configuration in as a value'],
  ['console', 'return an emit, or let the shell log'],
  ['fetch', 'ask for an effect'],
  ['WebSocket', 'ask for an effect'],
  ['setTimeout', 'ask for a timer or an effect with notBefore'],
  ['setInterval', 'ask for a timer or an effect with notBefore'],
  ['setImmediate', 'ask for a timer or an effect with notBefore'],
  ['queueMicrotask', 'a handler is one synchronous step'],
  ['globalThis', 'pass values in'],
  ['global', 'pass values in'],
  ['Intl', 'locales differ between machines'],
].map(([name, remedy]) => ({ name, message: `${PURE}: ${remedy}.` }));

const EXPORT_ALL = {
  selector: 'ExportAllDeclaration',
  message: 'List the names: what a folder gives out is decided, not collected.',
};
const NOT_ERASABLE = [
  'TSEnumDeclaration',
  'TSModuleDeclaration[declare!=true]',
  'TSParameterProperty',
].map((selector) => ({ selector, message: LATER }));
const IMPURE_SYNTAX = [
  [':function[async=true]', 'a handler is one synchronous step; ask for an effect'],
  ['AwaitExpression', 'a handler is one synchronous step; ask for an effect'],
  ['NewExpression[callee.name="Promise"]', 'a handler is one synchronous step; ask for an effect'],
  ['Program > VariableDeclaration[kind!="const"]', 'no state outside of an actor'],
  [
    'Program > ExportNamedDeclaration > VariableDeclaration[kind!="const"]',
    'no state outside of an actor',
  ],
].map(([selector, remedy]) => ({ selector, message: `${PURE}: ${remedy}.` }));

const ONLY_TESTS = ['it', 'test', 'describe'].map((object) => ({
  object,
  property: 'only',
  message: 'A test left alone hides the others.',
}));

export default defineConfig(
  {
    ignores: [
      'node_modules/',
      '.data*/',
      '.cache/',
      'test-results/',
      'avro/generated/',
      'dist/',
      'sdk/python/',
      'sdk/typescript/dist/',
    ],
  },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.{ts,js,mjs}'],
    extends: [tseslint.configs.base],
    plugins: { millrace },
    rules: {
      'millrace/walls': 'error',
      'no-restricted-syntax': ['error', EXPORT_ALL, ...NOT_ERASABLE],
      'no-restricted-properties': ['error', ...ONLY_TESTS],
      'no-var': 'error',
      'prefer-const': 'error',
      eqeqeq: 'error',
      'no-debugger': 'error',
      'no-empty': 'error',
      'no-fallthrough': 'error',
      'no-unsafe-finally': 'error',
      'no-self-compare': 'error',
      'no-sparse-arrays': 'error',
      'no-unreachable': 'error',
      'no-useless-catch': 'error',
      'no-constant-condition': ['error', { checkLoops: 'allExceptWhileTrue' }],
      'max-lines': ['error', { max: 400 }],
    },
  },
  {
    files: ['**/*.ts'],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/ban-ts-comment': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
    },
  },
  {
    files: ['engine/**/*.ts', 'processors/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', ...IMPURE_GLOBALS],
      'no-restricted-syntax': ['error', EXPORT_ALL, ...NOT_ERASABLE, ...IMPURE_SYNTAX],
      'no-restricted-properties': [
        'error',
        ...ONLY_TESTS,
        { object: 'Math', property: 'random', message: `${PURE}: use context.uuid.` },
      ],
    },
  },
);
