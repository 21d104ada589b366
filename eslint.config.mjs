import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** Each layer may import itself and the layers named here, nothing else: ARCHITECTURE.md shows the picture. */
const layers = {
  core: [],
  host: ['core'],
  systemd: ['core', 'host'],
  builder: ['core', 'host'],
  published: ['core', 'host'],
  agent: ['core', 'host', 'systemd'],
  cli: ['core', 'host', 'systemd', 'builder', 'published', 'agent'],
};

/** What a file of `layer` must not import: the folders of the layers that it may not know. */
function foreignLayers(layer) {
  const foreign = Object.keys(layers).filter((name) => name !== layer && !layers[layer].includes(name));
  return foreign.map((name) => ({
    regex: `^(\\.\\./)+${name}/`,
    message: `src/${layer} may import only: ${[layer, ...layers[layer]].join(', ')}`,
  }));
}

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

/** D-Bus is spoken in one place, which adds what the library lacks. */
const bus = { name: 'dbus-next', message: 'src/systemd/bus.ts is its only user' };

/** What no file of `layer` imports. */
function foreignModules(layer) {
  if (layer === 'host') return [bus];
  return [...effects.map((name) => ({ name, message: 'effects live in src/host' })), bus];
}

export default defineConfig(
  { ignores: ['dist/', 'node_modules/', 'coverage/', '*.mjs'] },
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unused-vars': ['error', { ignoreUsingDeclarations: true }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true, named: true } }],
      'no-console': 'error',
    },
  },
  {
    files: ['src/**'],
    rules: {
      complexity: ['error', 12],
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
    },
  },
  ...Object.keys(layers).map((layer) => ({
    files: [`src/${layer}/**`],
    rules: { 'no-restricted-imports': ['error', { patterns: foreignLayers(layer), paths: foreignModules(layer) }] },
  })),
  {
    files: ['src/systemd/bus.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: foreignLayers('systemd'), paths: foreignModules('systemd').filter((module) => module !== bus) },
      ],
    },
  },
  {
    files: ['src/**'],
    ignores: ['src/systemd/bus.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        { selector: "ImportExpression[source.value='dbus-next']", message: bus.message },
      ],
    },
  },
  {
    files: ['src/**'],
    ignores: ['src/host/**'],
    rules: {
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
      // vitest's asymmetric matchers are typed `any`.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      // Shown of tests that fail.
      'no-console': ['error', { allow: ['error'] }],
    },
  },
  { files: ['*.config.*'], rules: { 'no-restricted-exports': 'off' } },
);
