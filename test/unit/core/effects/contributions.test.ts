import { describe, expect, test } from 'vitest';

import { contributionsOf, textsWanted } from '../../../../src/core/effects/contributions.ts';
import type { ImageEntry } from '../../../../src/core/image-entry.ts';

function file(path: string, mode = 0o644): ImageEntry {
  return { path, kind: 'file', mode, uid: 0, gid: 0, size: 1, mtime: 0 };
}

function link(path: string, target: string): ImageEntry {
  return { ...file(path), kind: 'symlink', target };
}

function directory(path: string): ImageEntry {
  return { ...file(path), kind: 'directory' };
}

const units = 'usr/lib/systemd/system';
const nothing = new Map<string, string>();

test('an image without any of it contributes nothing but its programs', () => {
  const found = contributionsOf([file('usr/bin/jq', 0o755), file('usr/share/jq/x')], nothing, { ID: '_any' });

  expect(found).toMatchObject({ units: [], pulls: [], reload: false, sysusers: [], tmpfiles: [], copies: [] });
  expect(found).toMatchObject({ udevRules: false, hwdb: false, bus: false, libraryDirectories: [], kernels: [] });
  expect(found.programs).toEqual(['/usr/bin/jq']);
});

describe('units', () => {
  test('are unit files, not other names for them, masks, or names that are none', () => {
    const entries = [
      file(`${units}/a.service`),
      file(`${units}/b@.service`),
      file(`${units}/README`),
      file(`${units}/-x.service`),
      link(`${units}/alias.service`, 'a.service'),
      link(`${units}/mask.service`, '/dev/null'),
      link(`${units}/far.service`, '../../../share/far/far.service'),
      directory(`${units}/c.service`),
    ];

    const found = contributionsOf(entries, nothing, {});

    expect(found.units).toEqual(['a.service', 'b@.service', 'far.service']);
    expect(found.reload).toBe(true);
  });

  test('are pulled in by drop-ins and by links', () => {
    const dropIn = `${units}/multi-user.target.d/10-a.conf`;
    const entries = [
      file(dropIn),
      link(`${units}/timers.target.wants/b.timer`, '../b.timer'),
      link(`${units}/x.target.upholds/c.service`, '../c.service'),
      file(`${units}/service.d/10-all.conf`),
    ];
    const text = '[Unit]\nUpholds=a.service \\\n  a2.service t@.service\n[Service]\nWants=no.service\n';

    expect(textsWanted(entries)).toEqual([dropIn, `${units}/service.d/10-all.conf`]);
    const texts = new Map([
      [dropIn, text],
      [`${units}/service.d/10-all.conf`, '[Unit]\nWants=all.service\n'],
    ]);
    expect(contributionsOf(entries, texts, {}).pulls).toEqual([
      { by: 'multi-user.target', unit: 'a.service', how: 'upholds', file: 'multi-user.target.d/10-a.conf' },
      { by: 'multi-user.target', unit: 'a2.service', how: 'upholds', file: 'multi-user.target.d/10-a.conf' },
      { by: 'timers.target', unit: 'b.timer', how: 'wants', file: 'timers.target.wants/b.timer' },
      { by: 'x.target', unit: 'c.service', how: 'upholds', file: 'x.target.upholds/c.service' },
    ]);
  });
});

test('the release file asks for a reload, and lists units', () => {
  expect(contributionsOf([], nothing, { EXTENSION_RELOAD_MANAGER: 'yes' }).reload).toBe(true);
  expect(contributionsOf([], nothing, { EXTENSION_RELOAD_MANAGER: '0' }).reload).toBe(false);
  const lists = {
    EXTENSION_RESTART_UNITS: 'a.service  --version b.service a.service',
    EXTENSION_RELOAD_OR_RESTART_UNITS: 'a.service c.service',
  };
  expect(contributionsOf([], nothing, lists)).toMatchObject({
    reload: true,
    restart: ['a.service', 'b.service'],
    reloadOrRestart: ['c.service'],
  });
});

test('settings of other programs are known by their places', () => {
  const entries = [
    file('usr/lib/sysusers.d/a.conf'),
    file('usr/lib/sysusers.d/--help.conf'),
    file('usr/lib/tmpfiles.d/a.conf'),
    file('usr/lib/udev/rules.d/9.rules'),
    file('usr/local/lib/udev/hwdb.d/9.hwdb'),
    file('usr/share/dbus-1/system.d/a.conf'),
    file('usr/lib/x86_64-linux-gnu/liba.so.1'),
    file('usr/lib/modules/6.12.1-amd64/extra/a.ko.xz'),
  ];

  expect(contributionsOf(entries, nothing, {})).toMatchObject({
    sysusers: ['a.conf'],
    tmpfiles: ['a.conf'],
    udevRules: true,
    hwdb: true,
    bus: true,
    libraryDirectories: ['/usr/lib/x86_64-linux-gnu'],
    kernels: ['6.12.1-amd64'],
    programs: ['/usr/lib/x86_64-linux-gnu/liba.so.1'],
  });
});

describe('copies in /etc', () => {
  const entries = [
    directory('usr/share/a/etc/a'),
    file('usr/share/a/etc/a/x.conf'),
    link('usr/share/a/etc/a/y.conf', 'x.conf'),
    file('usr/share/a/etc/b.conf'),
    file('usr/share/a/etc/b.conf.old'),
    file('usr/lib/tmpfiles.d/a.conf'),
  ];
  const copies = (text: string) => contributionsOf(entries, new Map([['usr/lib/tmpfiles.d/a.conf', text]]), {}).copies;

  test('are all that is below the source of a line', () => {
    expect(copies('C+ /etc/a - - - - /usr/share/a/etc/a\nC /etc/b.conf - - - - /usr/share/a/etc/b.conf\n')).toEqual([
      { to: '/etc/a', kind: 'directory' },
      { to: '/etc/a/x.conf', kind: 'file', from: 'usr/share/a/etc/a/x.conf' },
      { to: '/etc/a/y.conf', kind: 'symlink', target: 'x.conf' },
      { to: '/etc/b.conf', kind: 'file', from: 'usr/share/a/etc/b.conf' },
    ]);
  });

  test('are links, too', () => {
    expect(copies('L+ /etc/l.conf - - - - ../usr/share/a/l.conf')).toEqual([
      { to: '/etc/l.conf', kind: 'symlink', target: '../usr/share/a/l.conf' },
    ]);
  });

  test.each([
    'C /var/lib/b - - - - /usr/share/a/etc/b.conf',
    'C /etc/../var/b - - - - /usr/share/a/etc/b.conf',
    'C /etc/%m - - - - /usr/share/a/etc/b.conf',
    'C "/etc/b conf" - - - - /usr/share/a/etc/b.conf',
    'C~ /etc/b.conf - - - - /usr/share/a/etc/b.conf',
    'C /etc/b.conf',
    '# C /etc/b.conf - - - - /usr/share/a/etc/b.conf',
    'd /etc/b - - - - -',
  ])('are not what we cannot foretell, nor elsewhere: %s', (line) => {
    expect(copies(line)).toEqual([]);
  });
});
