import { expect, test } from 'vitest';

import { commandFor } from '../../../../src/builder/image/command.ts';

const request = {
  directory: '/build/tree',
  output: '/out/.#jq.raw',
  uuid: '00000000-0000-8000-8000-000000000000',
  timestamp: 7,
};

test('mkfs.erofs gets its time from the environment: -T would be the time of every file', () => {
  const { program, args, env } = commandFor('erofs', request);

  expect([program, ...args].join(' ')).toBe(
    'mkfs.erofs --quiet -zlz4hc -x-1 --all-root --preserve-mtime -U00000000-0000-8000-8000-000000000000 -- /out/.#jq.raw /build/tree',
  );
  expect(env).toEqual({ SOURCE_DATE_EPOCH: '7' });
});

test('mksquashfs gets its time from the environment, which excludes its own options for it', () => {
  const { program, args, env } = commandFor('squashfs', request);

  expect([program, ...args].join(' ')).toBe(
    'mksquashfs /build/tree /out/.#jq.raw -noappend -all-root -no-xattrs -comp zstd -quiet -no-progress',
  );
  expect(env).toEqual({ SOURCE_DATE_EPOCH: '7' });
});
