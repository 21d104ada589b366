import importX from 'eslint-plugin-import-x';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** Each layer may import itself and the layers named here, nothing else: ARCHITECTURE.md shows the picture. */
const layers = {
  core: [],
  host: ['core'],
  systemd: ['core', 'host'],
  builder: ['core', 'host'],
  agent: ['core', 'host', 'systemd'],
  cli: ['core', 'host', 'systemd', 'builder', 'agent'],
};

const zones = Object.entries(layers).map(([layer, allowed]) => ({
  target: `./src/${layer}`,
  from: './src',
  except: [layer, ...allowed].map((name) => `./${name}`),
  message: `src/${layer} may import only: ${[layer, ...allowed].join(', ')}`,
}));

/** Effects live in src/host: the other layers reach files, processes, the network and time through it. */
const effects = [
  'fs',
  'node:fs',
  'node:fs/promises',
  'child_process',
  'node:child_process',
  'execa',
  'node:http',
  'node:https',
];

export default defineConfig(
  { ignores: ['dist/', 'node_modules/', 'coverage/', '*.mjs'] },
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { 'import-x': importX },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unused-vars': ['error', { ignoreUsingDeclarations: true }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      'import-x/no-default-export': 'error',
      'no-console': 'error',
    },
  },
  {
    files: ['src/**'],
    rules: {
      'import-x/no-cycle': 'error',
      'import-x/no-restricted-paths': ['error', { zones }],
      complexity: ['error', 12],
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: ['src/**'],
    ignores: ['src/host/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        { paths: effects.map((name) => ({ name, message: 'effects live in src/host' })) },
      ],
      'no-restricted-globals': ['error', 'fetch', 'setTimeout', 'setInterval'],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'take the time from the Clock' },
      ],
    },
  },
  {
    files: ['test/**'],
    rules: {
      'no-restricted-properties': ['error', { object: 'vi', property: 'mock', message: 'use the real thing' }],
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  { files: ['*.config.*'], rules: { 'import-x/no-default-export': 'off' } },
);
