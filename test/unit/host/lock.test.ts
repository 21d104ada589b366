import { writeFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { lockHolder, takeLock } from '../../../src/host/lock.ts';
import { temporaryDirectory } from '../../support/archives.ts';

test('who holds the lock is told as long as they do', async () => {
  using work = temporaryDirectory();
  const path = work.at('run/lock');
  expect(lockHolder(path)).toBeUndefined();

  const held = await takeLock(path, { holder: 'sysext-agent install a.raw', waitSeconds: 0 });
  expect(lockHolder(path)).toBe(`sysext-agent install a.raw (process ${process.pid})`);
  await expect(takeLock(path, { holder: 'another', waitSeconds: 0 })).rejects.toMatchObject({
    code: 'busy',
    message: `another operation is under way: sysext-agent install a.raw (process ${process.pid})`,
  });

  held[Symbol.dispose]();
  expect(lockHolder(path)).toBeUndefined();
});

test.each(['', 'a script', `killed (process ${2 ** 31})`])('of %j nobody is told', (text) => {
  using work = temporaryDirectory();
  writeFileSync(work.at('lock'), text);

  expect(lockHolder(work.at('lock'))).toBeUndefined();
});
