import { writeFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { filesIn } from '../../../../src/builder/source/git-tree.ts';
import { tarBytes, temporaryDirectory } from '../../../support/archives.ts';

test('the files of submodules are in their places, and none outside of the source', () => {
  using work = temporaryDirectory();
  const archive = work.at('files.tar');
  writeFileSync(archive, tarBytes([{ name: 'a', content: 'x' }]));
  const repository = (path: string) => ({ path, url: '', commit: '', archives: [archive], missing: [] });

  const { nodes, leftOut } = filesIn(['', 'lib/b', '../out', '/etc', 'lib/../../out'].map(repository));

  expect(nodes.map(({ path }) => path)).toEqual(['a', 'lib/b/a']);
  expect(leftOut).toEqual([expect.stringMatching(/^left out: .*\.\.\/out\/a.*; .*\/etc\/a.*; /)]);
});
