import { existsSync, readdirSync, writeFileSync } from 'node:fs';

import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test } from 'vitest';

import { createSandbox } from '../../src/builder/sandbox/bubblewrap.ts';
import { sandboxedGit } from '../../src/builder/source/git-room.ts';
import type { SourceMeans } from '../../src/builder/source/means.ts';
import { systemClock } from '../../src/host/clock.ts';
import { createExec } from '../../src/host/exec.ts';
import { temporaryDirectory } from '../support/archives.ts';
import { filesOf, prepared, sourceMeans } from '../support/sources.ts';
import { startGitServer, type GitServer } from './support/git-server.ts';

let server: GitServer;
let cache: ReturnType<typeof temporaryDirectory>;
beforeAll(async () => {
  server = await startGitServer();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});
beforeEach(() => {
  cache = temporaryDirectory();
});
afterEach(async () => {
  await createExec({}).run('rm', ['-rf', cache.path]);
});

function means(given: Partial<SourceMeans> = {}): SourceMeans {
  const sandbox = createSandbox({ exec: createExec({}), clock: systemClock, directory: cache.at('sandbox') });
  return sourceMeans(cache.path, { git: sandboxedGit(sandbox), adopt: sandbox.adoptLayer, ...given });
}

describe('a git repository', () => {
  test('is one commit of it, without what a checkout would run or an archive would leave out', async () => {
    const commit = server.commit('plain', {
      'main.c': 'int main;\n',
      'run.sh': 'true\n',
      'deep/er/file': 'x',
      link: '-> deep/er/file',
      'lines.bat': 'one\ntwo\n',
      '.gitattributes': '*.bat text eol=crlf\nsecret export-ignore\n*.c filter=lfs\n',
      secret: 'kept',
    });
    server.commit('plain', { 'main.c': 'later\n' });

    const { layer, materials, warnings } = await prepared(
      `sources: {src: {git: {url: "${server.url}/plain", commit: ${commit}}}}`,
      means(),
    );

    expect(warnings).toEqual([]);
    expect(materials).toEqual([{ name: 'src', uri: `git+${server.url}/plain`, digest: { gitCommit: commit } }]);
    expect(filesOf(layer)).toMatchObject({
      'build/src/main.c': '644 int main;\n',
      'build/src/run.sh': '755 true\n',
      'build/src/link': '-> deep/er/file',
      'build/src/lines.bat': '644 one\r\ntwo\r\n',
      'build/src/secret': '644 kept',
    });
    expect(existsSync(`${layer}/build/src/.git`)).toBe(false);
    expect(readdirSync(cache.at('work'))).not.toContainEqual(expect.stringContaining('repository'));
  });
});
void writeFileSync;
