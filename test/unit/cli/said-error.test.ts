import { expect, test } from 'vitest';

import { saidError } from '../../../src/cli/said-error.ts';
import { AgentError, renderError } from '../../../src/core/errors.ts';

test('an error that another run printed is the same here, without the lines of files', () => {
  const position = { file: '/etc/jq.yml', line: 3, column: 5 };
  const error = new AgentError('verification-failed', 'a source is another one', {
    problems: [{ position, field: 'sources.src', message: 'its digest is wrong', excerpt: '    http:' }],
    facts: ['expected: aa', 'got: bb'],
    left: 'Nothing was built.',
  });
  const printed = `target: trixie\nbuild step 1\nsysext-agent: ${renderError(error)}\n`;

  const said = saidError(printed, error.exitCode, 'the build');

  expect([said.code, said.message]).toEqual(['verification-failed', 'a source is another one']);
  expect(said.details.facts).toEqual([
    '/etc/jq.yml:3:5: sources.src: its digest is wrong',
    '  expected: aa',
    '  got: bb',
    'Nothing was built.',
  ]);
});

test('a run that printed none is told by how it ended, and what it was at', () => {
  const said = saidError('target: trixie\nbuild step 1\n', 137, 'the build of /etc/jq.yml');

  expect([said.code, said.message]).toEqual(['tool-failed', 'the build of /etc/jq.yml ended with exit code 137']);
  expect(said.details.facts).toEqual(['target: trixie', 'build step 1']);
});
