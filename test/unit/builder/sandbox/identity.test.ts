import { expect, test } from 'vitest';

import { identityFor } from '../../../../src/builder/sandbox/identity.ts';

const wholeMap = '         0          0 4294967295\n';
const root = { uid: 0, name: 'root' };
const ann = { uid: 1000, name: 'ann' };

test('root gives users that nobody has, also in a container that has all users', () => {
  expect(identityFor({ user: root, uidMap: wholeMap, subordinate: undefined })).toEqual({
    kind: 'range',
    first: 0x71000000,
  });
});

test('root of a container with few users has none to give', () => {
  expect(identityFor({ user: root, uidMap: '0 100000 65536\n', subordinate: [] })).toBeUndefined();
});

test('another user is root there, with others where the administrator lets them have some', () => {
  const given = ['ann:100000:65536\n', 'bob:1:1\n1000:100000:65536\n'];

  expect(identityFor({ user: ann, uidMap: wholeMap, subordinate: given })).toEqual({ kind: 'own', others: true });
  expect(identityFor({ user: ann, uidMap: wholeMap, subordinate: ['ann:1:2\n', ''] })).toEqual({
    kind: 'own',
    others: false,
  });
  expect(identityFor({ user: ann, uidMap: wholeMap, subordinate: undefined })).toEqual({ kind: 'own', others: false });
});
