import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { readHostSources, withHostMirrors, type HostSource } from '../../../../src/builder/targets/host-sources.ts';
import type { DebRepository, Target } from '../../../../src/builder/targets/target.ts';

describe('the apt configuration of a host', () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'host-sources-'));
  });

  afterEach(() => {
    rmSync(root, { recursive: true });
  });

  function write(path: string, text: string): void {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }

  test('may be missing', () => {
    expect(readHostSources(root)).toEqual({ sources: [], settings: {}, skipped: [] });
  });

  test('is all files that apt reads, and keys that are there', () => {
    write('/etc/apt/sources.list', 'deb [signed-by=/k/there.gpg,/k/gone.gpg] http://mirror.example/a/ s main\n');
    write('/etc/apt/sources.list.d/b.list', 'deb [check-date=no] https://mirror.example/b s main\n');
    write('/etc/apt/sources.list.d/c.sources', 'Types: deb\nURIs: http://mirror.example/c\nSuites: s t\n');
    write('/etc/apt/sources.list.d/d.list.save', 'deb http://mirror.example/d s main\n');
    write('/k/there.gpg', 'key');
    write('/etc/apt/apt.conf.d/90dates', 'Acquire::Check-Valid-Until "false";');
    write('/etc/apt/apt.conf.d/91dates.bak', 'Acquire::Check-Date "false";');
    write('/etc/apt/apt.conf', 'Acquire { Check-Valid-Until "true"; };');
    expect(readHostSources(root)).toEqual({
      sources: [
        { uri: 'http://mirror.example/a', suites: ['s'], components: ['main'], keys: [join(root, '/k/there.gpg')] },
        { uri: 'https://mirror.example/b', suites: ['s'], components: ['main'], keys: [], checkDate: false },
        { uri: 'http://mirror.example/c', suites: ['s', 't'], components: [], keys: [] },
      ],
      settings: { checkValidUntil: true },
      skipped: [],
    });
  });

  test('has entries that cannot be used, for a reason', () => {
    write(
      '/etc/apt/sources.list',
      'deb cdrom:[Debian]/ s main\ndeb mirror+http://mirror.example/list s main\ndeb http://[ s main\n',
    );
    write(
      '/etc/apt/sources.list.d/x.sources',
      'Types: deb\nURIs: http://mirror.example/x\nSuites: s\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n',
    );
    expect(readHostSources(root)).toEqual({
      sources: [],
      settings: {},
      skipped: [
        '/etc/apt/sources.list: cdrom:[Debian]/: not an http or https address',
        '/etc/apt/sources.list: mirror+http://mirror.example/list: not an http or https address',
        '/etc/apt/sources.list: http://[: not an http or https address',
        '/etc/apt/sources.list.d/x.sources: http://mirror.example/x: the key is written into the entry; put it in a file to use this mirror',
      ],
    });
  });
});

describe('mirrors of the host', () => {
  const bookworm = { ID: 'debian', VERSION_CODENAME: 'bookworm' };

  function repository(uri: string, ...suites: string[]): DebRepository {
    return {
      family: 'deb',
      uri,
      suites,
      components: ['main'],
      keys: ['/own.asc'],
      checkValidUntil: true,
      checkDate: true,
    };
  }

  const trixie: Target = {
    name: 'trixie',
    description: '',
    match: { ID: 'debian', VERSION_CODENAME: 'trixie' },
    repositories: [
      repository('http://ftp.debian.org/debian', 'trixie', 'trixie-updates'),
      repository('http://security.debian.org/debian-security', 'trixie-security'),
    ],
    sysextDefaults: {},
  };

  function source(uri: string, ...suites: string[]): HostSource {
    return { uri, suites, components: ['main'], keys: ['/host.gpg'] };
  }

  function addresses({ repositories }: Target): readonly string[] {
    return repositories.map((of) => (of.family === 'deb' ? [of.uri, ...of.suites].join(' ') : ''));
  }

  test('serve the suites that are named like theirs', () => {
    const sources = [
      source('http://mirror.example/other', 'bookworm', 'bookworm-security'),
      source('http://mirror.example/debian', 'bookworm', 'bookworm-updates'),
      source('http://mirror.example/debian-security', 'bookworm-security'),
    ];
    const target = withHostMirrors(trixie, bookworm, { sources, settings: {} });
    expect(addresses(target)).toEqual([
      'http://mirror.example/debian trixie trixie-updates',
      'http://mirror.example/debian-security trixie-security',
    ]);
    expect(target.repositories[0]).toMatchObject({
      keys: ['/own.asc', '/host.gpg'],
      components: ['main'],
      checkValidUntil: true,
      checkDate: true,
    });
  });

  test('serve all suites of an archive they have one suite of', () => {
    const sources = [source('http://mirror.example/debian', 'bookworm')];
    expect(addresses(withHostMirrors(trixie, bookworm, { sources, settings: {} }))).toEqual([
      'http://mirror.example/debian trixie trixie-updates',
      'http://security.debian.org/debian-security trixie-security',
    ]);
  });

  test('are not other archives that are only named alike', () => {
    const sources = [{ ...source('http://vendor.example/linux/debian', 'bookworm'), components: ['stable'] }];
    expect(withHostMirrors(trixie, bookworm, { sources, settings: {} }).repositories).toEqual(trixie.repositories);
  });

  test('that have the very suite come first', () => {
    const sources = [
      source('http://one.example/debian', 'bookworm'),
      source('http://two.example/debian', 'trixie', 'trixie-updates'),
    ];
    expect(addresses(withHostMirrors(trixie, bookworm, { sources, settings: {} }))[0]).toBe(
      'http://two.example/debian trixie trixie-updates',
    );
  });

  test('bring what the administrator says of dates, the entry before the settings', () => {
    const sources = [
      { ...source('http://mirror.example/debian', 'bookworm', 'bookworm-updates'), checkDate: true },
      source('http://mirror.example/debian-security', 'bookworm-security'),
    ];
    const settings = { checkDate: false, checkValidUntil: false };
    const { repositories } = withHostMirrors(trixie, bookworm, { sources, settings });
    expect(repositories).toMatchObject([
      { checkDate: true, checkValidUntil: false },
      { checkDate: false, checkValidUntil: false },
    ]);
    expect(withHostMirrors(trixie, bookworm, { sources: [], settings }).repositories).toEqual(trixie.repositories);
  });

  test.each([{}, { ID: 'ubuntu', VERSION_CODENAME: 'bookworm' }])('mean nothing to a host %j', (osRelease) => {
    const sources = [source('http://mirror.example/debian', 'bookworm', 'trixie')];
    expect(withHostMirrors(trixie, osRelease, { sources, settings: { checkDate: false } })).toEqual(trixie);
  });

  test('of a host without a codename serve only the very suite', () => {
    const sources = [source('http://mirror.example/debian', 'stable-updates')];
    expect(addresses(withHostMirrors(trixie, { ID: 'debian' }, { sources, settings: {} }))[0]).toBe(
      'http://ftp.debian.org/debian trixie trixie-updates',
    );
  });
});
