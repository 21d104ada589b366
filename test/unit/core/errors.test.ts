import { expect, test } from 'vitest';

import { AgentError, renderError } from '../../../src/core/errors.ts';

test('a problem is shown with its line and a caret below the column', () => {
  const position = { file: 'jq.yml', line: 3, column: 7 };
  const error = new AgentError('invalid-spec', 'jq.yml has 1 problem', {
    problems: [{ position, field: 'name', message: 'must be a string', excerpt: 'name: [a]' }],
  });

  expect(renderError(error)).toBe(
    ['jq.yml has 1 problem', 'jq.yml:3:7: name: must be a string', '  3 | name: [a]', '            ^'].join('\n'),
  );
});

test('tabs before the column stay tabs, so that the caret stands right', () => {
  const position = { file: 'f', line: 1, column: 3 };
  const error = new AgentError('invalid-spec', 'm', {
    problems: [{ position, field: '', message: 'x', excerpt: '\t\tab' }],
  });

  expect(renderError(error)).toContain('\n      \t\t^');
});

test('details added later keep the code and the cause', () => {
  const error = new AgentError('disk-full', 'no space', { facts: ['a'] }).with({ left: 'Nothing was changed.' });

  expect(error).toMatchObject({ code: 'disk-full', details: { facts: ['a'], left: 'Nothing was changed.' } });
});
