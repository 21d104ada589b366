import { symlinkSync, writeFileSync } from 'node:fs';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { errorOf } from '../../../src/cli/build-by-manager.ts';
import { leaveError, leftError } from '../../../src/cli/left-error.ts';
import { AgentError, renderError } from '../../../src/core/errors.ts';
import { temporaryDirectory } from '../../support/archives.ts';

let work: ReturnType<typeof temporaryDirectory>;

beforeEach(() => {
  work = temporaryDirectory();
});

afterEach(() => {
  work[Symbol.dispose]();
});

test('an error that one run left is the same in another one', () => {
  const position = { file: '/etc/jq.yml', line: 3, column: 5 };
  const error = new AgentError('verification-failed', 'a source is another one', {
    problems: [
      { position, field: 'sources.src', message: 'its digest is wrong', excerpt: '\thttp:' },
      { position, field: '', message: 'and that' },
    ],
    facts: ['expected: aa', 'got: bb'],
    left: 'Nothing was built.',
    next: 'Look at it.',
  });
  const bare = new AgentError('no-such-file', 'there is no file jq.yml');

  leaveError(error, work.at('error'));
  leaveError(bare, work.at('bare'));

  const left = leftError(work.at('error'));
  expect([left?.code, left === undefined ? '' : renderError(left)]).toEqual([
    'verification-failed',
    renderError(error).replaceAll('\t', ' '),
  ]);
  expect(left?.details.problems?.[1]).toEqual({ position, field: '', message: 'and that' });
  expect(leftError(work.at('bare'))).toEqual(bare);
});

test('what programs printed is read back in lines, without what a terminal acts on', () => {
  const error = new AgentError('tool-failed', 'gcc failed\nat the end', { facts: ['a\u001b[2Jb\nc', 'd\ud800'] });

  leaveError(error, work.at('error'));

  const left = leftError(work.at('error'));
  expect([left?.message, left?.details.facts]).toEqual(['gcc failed', ['at the end', 'a [2Jb', 'c', 'd\ufffd']]);
});

const sound = { code: 'busy', message: 'm', facts: [], left: '', next: '', problems: [] };

test.each([
  ['nothing', ''],
  ['the beginning of one', JSON.stringify(sound).slice(0, -5)],
  ['an unknown code', JSON.stringify({ ...sound, code: 'toString' })],
  ['a message that is none', JSON.stringify({ ...sound, message: 3 })],
  ['a message that moves a cursor', JSON.stringify({ ...sound, message: 'a\u001b[2J' })],
  ['no facts', JSON.stringify({ ...sound, facts: undefined })],
  ['too many facts', JSON.stringify({ ...sound, facts: Array(1001).fill('a') })],
  ['a place that is none', JSON.stringify({ ...sound, problems: [{ position: {}, field: '', message: '' }] })],
  [
    'a place before the file',
    JSON.stringify({ ...sound, problems: [{ position: { file: 'a', line: -1, column: 1 } }] }),
  ],
])('a file with %s has no error', (_, text) => {
  writeFileSync(work.at('sound'), JSON.stringify(sound));
  writeFileSync(work.at('error'), text);

  expect(leftError(work.at('sound'))).toEqual(new AgentError('busy', 'm'));
  expect(leftError(work.at('error'))).toBeUndefined();
});

test('what is no file has no error either', () => {
  symlinkSync('/dev/zero', work.at('error'));

  expect([leftError(work.at('error')), leftError(work.path), leftError(work.at('gone'))]).toEqual(
    Array(3).fill(undefined),
  );
});

test('a build that was killed before it could tell is told by how it ended, and what it was at', () => {
  const output = `${Array.from({ length: 20 }, (_, index) => `line ${index}`).join('\n')}\n`;

  const error = errorOf({ exitCode: 137, output }, 'the build of /etc/jq.yml', undefined);

  expect([error.code, error.message]).toEqual(['tool-failed', 'the build of /etc/jq.yml ended with exit code 137']);
  expect(error.details.facts).toEqual(output.trimEnd().split('\n').slice(8));
});

test('a build that someone interrupted does not interrupt who waits for it', () => {
  const left = new AgentError('interrupted', 'gcc was interrupted', { left: 'Nothing was built.' });

  const error = errorOf({ exitCode: 130, output: '' }, 'the build of /etc/jq.yml', left);

  expect(error).toMatchObject({ code: 'tool-failed', message: 'the build of /etc/jq.yml was interrupted' });
  expect(error.details.left).toBe('Nothing was built.');
});
