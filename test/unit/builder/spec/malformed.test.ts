import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { decodeSpec } from '../../../../src/builder/spec/parse.ts';
import { substitute } from '../../../../src/builder/spec/substitute.ts';
import { renderProblem, type Problem } from '../../../../src/core/problems.ts';

const directory = join(import.meta.dirname, '../../../fixtures/malformed-specs');

interface Case {
  readonly title: string;
  readonly text: string;
}

/** Each case is a title, a spec, and the problems that are told, each after `> `; these are written by `vitest -u`. */
function casesIn(content: string): readonly Case[] {
  const [, ...blocks] = content.split(/^=== /m);
  return blocks.map((block) => {
    const [title = '', ...lines] = block.split('\n');
    return { title, text: lines.filter((line) => line !== '' && !line.startsWith('> ')).join('\n') };
  });
}

/** The problems of reading a spec, or else of expanding it for a target. */
function problemsOf(text: string): readonly Problem[] {
  const decoded = decodeSpec(text, 's');
  if (!decoded.ok) return decoded.problems;
  const expanded = substitute(decoded.value, { given: {}, target: 'trixie', architecture: 'x86-64' });
  return expanded.ok ? [] : expanded.problems;
}

function rendered({ title, text }: Case): string {
  const told = problemsOf(text).map(({ position, field, message }) => renderProblem({ position, field, message }));
  return [`=== ${title}`, text, ...told.map((line) => `> ${line}`)].join('\n');
}

const files = globSync('*.txt', { cwd: directory }).sort();
const corpus = files.map((file) => [file, casesIn(readFileSync(join(directory, file), 'utf8'))] as const);

describe('malformed specs', () => {
  test('are many', () => {
    expect(corpus.flatMap(([, cases]) => cases).length).toBeGreaterThan(290);
  });

  test.each(corpus)('have each mistake told at its place: %s', async (file, cases) => {
    await expect(`${cases.map(rendered).join('\n\n')}\n`).toMatchFileSnapshot(join(directory, file));
  });

  test.each(corpus)('are never accepted: %s', (_, cases) => {
    expect(cases.filter(({ text }) => problemsOf(text).length === 0)).toEqual([]);
  });
});
