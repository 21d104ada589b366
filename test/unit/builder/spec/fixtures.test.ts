import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { parseSpec } from '../../../../src/builder/spec/parse.ts';
import { substitute } from '../../../../src/builder/spec/substitute.ts';

const directory = join(import.meta.dirname, '../../../fixtures/specs');
const files = globSync('*.yml', { cwd: directory }).sort();

function isPosition(value: object): value is { readonly line: number; readonly column: number } {
  return 'line' in value && 'column' in value && 'file' in value;
}

/** The value for people: places as `line:column`, and nothing of what the spec does not say. */
function compact(value: unknown): unknown {
  if (value instanceof Map) return compact(Object.fromEntries(value));
  if (Array.isArray(value)) return value.map(compact);
  if (typeof value !== 'object' || value === null) return value;
  if (isPosition(value)) return `${value.line}:${value.column}`;
  if ('value' in value && 'position' in value) {
    return `${String(value.value)} @${String(compact(value.position))}`;
  }
  const entries = Object.entries(value).map(([name, inner]) => [name, compact(inner)] as const);
  return Object.fromEntries(entries.filter(([, inner]) => !isNothing(inner)));
}

function isNothing(value: unknown): boolean {
  return (
    value === undefined || ['', 'false', '[]', '{}'].includes(typeof value === 'string' ? value : JSON.stringify(value))
  );
}

describe('specs of Dalec', () => {
  test('are all here', () => {
    expect(files.length).toBeGreaterThanOrEqual(12);
  });

  test.each(files)('are read: %s', async (file) => {
    const spec = parseSpec(readFileSync(join(directory, file), 'utf8'), file);
    const snapshot = join(directory, 'parsed', `${basename(file, '.yml')}.snap`);
    await expect(`${JSON.stringify(compact(spec), undefined, 2)}\n`).toMatchFileSnapshot(snapshot);
  });

  test.each(files)('can be expanded: %s', (file) => {
    const spec = parseSpec(readFileSync(join(directory, file), 'utf8'), file);
    const expanded = substitute(spec, { given: {}, target: 'azlinux3', architecture: 'x86-64' });
    expect(expanded.ok ? [] : expanded.problems).toEqual([]);
  });
});
