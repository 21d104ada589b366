import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

import { expect, test } from 'vitest';

const source = join(import.meta.dirname, '../../src');

/** Which files a file imports for more than their types. Lint keeps the layers; this keeps out circles within one. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(source, file), 'utf8');
  const imports = text.matchAll(/^(?:import|export) (?!type )[^;]*?from '(\.[^']+)'/gms);
  return Array.from(imports, ([, path = '']) => relative(source, join(source, dirname(file), path)));
}

/** The first circle that is reached from a file, as a path of files. */
function circleFrom(file: string, path: readonly string[], done: Set<string>): readonly string[] | undefined {
  if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
  if (done.has(file)) return undefined;
  done.add(file);
  for (const next of importsOf(file)) {
    const circle = circleFrom(next, [...path, file], done);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

test('no file imports itself by way of others', () => {
  const files = globSync('**/*.ts', { cwd: source });
  const done = new Set<string>();

  expect(files.length).toBeGreaterThan(50);
  expect(files.map((file) => circleFrom(file, [], done)).filter((circle) => circle !== undefined)).toEqual([]);
});
