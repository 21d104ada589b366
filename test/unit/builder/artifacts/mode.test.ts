import { describe, expect, test } from 'vitest';

import { packagedMode } from '../../../../src/builder/artifacts/mode.ts';

describe('the mode of a packaged file', () => {
  test.each([
    ['usr/bin/tool', 0o644, 0o755],
    ['usr/sbin/tool', 0o700, 0o755],
    ['usr/libexec/tool', 0o700, 0o755],
    ['usr/libexec/data', 0o600, 0o644],
    ['usr/lib/libx.so.1.2', 0o755, 0o644],
    ['usr/include/x.h', 0o755, 0o644],
    ['usr/share/doc/x/README', 0o755, 0o644],
    ['usr/share/doc/x/examples/run', 0o755, 0o755],
    ['usr/share/man/man1/x.1', 0o700, 0o644],
    ['etc/x.conf', 0o660, 0o644],
    ['opt/x/run', 0o4755, 0o755],
  ])('%s built with %o gets %o from debhelper, and stays as it is with rpm', (path, built, packaged) => {
    expect(packagedMode(path, built, { family: 'deb', libraries: 'usr/lib' })).toBe(packaged);
    expect(packagedMode(path, built, { family: 'rpm', libraries: 'usr/lib' })).toBe(built);
  });
});
