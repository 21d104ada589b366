import { writeFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { credentialFiles, credentialsFrom } from '../../../../src/published/registry/credentials.ts';
import { temporaryDirectory } from '../../../support/archives.ts';

const basic = (text: string) => ({ auth: Buffer.from(text).toString('base64') });

test('the entry for the longest beginning of the name counts, of the first file that has one', () => {
  using work = temporaryDirectory();
  writeFileSync(
    work.at('first.json'),
    JSON.stringify({
      auths: { 'r.example': basic('host:a:b'), 'r.example/team': basic('team:x') },
      credsStore: 'pass',
    }),
  );
  writeFileSync(
    work.at('second.json'),
    JSON.stringify({
      auths: {
        'r.example': basic('late:x'),
        'https://index.docker.io/v1/': basic('docker:x'),
        'token.example': { identitytoken: 'abc' },
        'empty.example': {},
      },
    }),
  );
  const find = credentialsFrom(['none.json', 'first.json', 'second.json'].map((name) => work.at(name)));
  expect(find('r.example', 'other/jq')).toEqual({ kind: 'password', user: 'host', password: 'a:b' });
  expect(find('r.example', 'team/deep/jq')).toMatchObject({ user: 'team' });
  expect(find('r.example', 'teams/jq')).toMatchObject({ user: 'host' });
  expect(find('docker.io', 'library/jq')).toMatchObject({ user: 'docker' });
  expect(find('token.example', 'jq')).toEqual({ kind: 'identity', token: 'abc' });
  expect([find('empty.example', 'jq'), find('nobody.example', 'jq')]).toEqual([undefined, undefined]);
});

test('a file that cannot be understood is named, not repeated', () => {
  using work = temporaryDirectory();
  writeFileSync(work.at('auth.json'), '{"auths": {"r.example": {"auth": 17}}, "secret"');
  const error = (() => {
    try {
      credentialsFrom([work.at('auth.json')])('r.example', 'jq');
      return '';
    } catch (cause) {
      return String(cause);
    }
  })();
  expect(error).toContain(work.at('auth.json'));
  expect(error).not.toContain('secret');
});

test('files are where podman, skopeo, docker and systemd have them', () => {
  const files = credentialFiles({ HOME: '/root', CREDENTIALS_DIRECTORY: '/run/credentials/x' }, 0);
  expect(files).toEqual([
    '/run/credentials/x/registry-auth.json',
    '/run/containers/0/auth.json',
    '/root/.config/containers/auth.json',
    '/root/.docker/config.json',
  ]);
  expect(credentialFiles({ REGISTRY_AUTH_FILE: '/a.json', HOME: '/root' }, 0)).toEqual(['/a.json']);
  expect(credentialFiles({ XDG_RUNTIME_DIR: '/run/user/7' }, 7)).toEqual(['/run/user/7/containers/auth.json']);
});
