import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { parseAptSettings } from '../../../../src/builder/targets/apt-settings.ts';
import { parseDeb822Sources, parseSourcesList } from '../../../../src/builder/targets/apt-sources.ts';

describe('sources.list', () => {
  test('has one entry a line', () => {
    const text = [
      '# deb http://mirror.example/old old main',
      'deb http://mirror.example/debian bookworm main contrib # ours',
      '  deb  [ arch=amd64,arm64 Signed-By=/k/a.gpg,/k/b.asc check-valid-until=no check-date=0 ] http://mirror.example/x s/updates main',
      'deb-src http://mirror.example/debian bookworm main',
      'deb [signed-by=0123456789ABCDEF] http://mirror.example/y y main',
      'nonsense',
      '',
    ];
    expect(parseSourcesList(text.join('\n'))).toEqual([
      {
        uris: ['http://mirror.example/debian'],
        suites: ['bookworm'],
        components: ['main', 'contrib'],
        signedBy: [],
        inlineKey: false,
      },
      {
        uris: ['http://mirror.example/x'],
        suites: ['s/updates'],
        components: ['main'],
        signedBy: ['/k/a.gpg', '/k/b.asc'],
        inlineKey: false,
        checkValidUntil: false,
        checkDate: false,
      },
      { uris: ['http://mirror.example/y'], suites: ['y'], components: ['main'], signedBy: [], inlineKey: false },
    ]);
  });
});

describe('deb822 sources', () => {
  test('have one entry a paragraph', () => {
    const text = `
# the archive
Types: deb deb-src
# URIs: http://mirror.example/not
URIs: http://mirror.example/debian
  http://other.example/debian/
Suites: bookworm bookworm-updates
Components: main
signed-by: /usr/share/keyrings/a.gpg
Check-Valid-Until: no

Enabled: no
Types: deb
URIs: http://mirror.example/off
Suites: bookworm
\t
Types: deb-src
URIs: http://mirror.example/source
Suites: bookworm


Types: deb
URIs: http://mirror.example/inline
Suites: a
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc/def
 -----END PGP PUBLIC KEY BLOCK-----
`;
    expect(parseDeb822Sources(text)).toEqual([
      {
        uris: ['http://mirror.example/debian', 'http://other.example/debian/'],
        suites: ['bookworm', 'bookworm-updates'],
        components: ['main'],
        signedBy: ['/usr/share/keyrings/a.gpg'],
        inlineKey: false,
        checkValidUntil: false,
      },
      { uris: ['http://mirror.example/inline'], suites: ['a'], components: [], signedBy: [], inlineKey: true },
    ]);
  });
});

describe('apt.conf', () => {
  test.each([
    ['', {}],
    ['Acquire::Check-Valid-Until "false";', { checkValidUntil: false }],
    ['acquire::CHECK-DATE off;', { checkDate: false }],
    ['Acquire { Check-Date "no"; Check-Valid-Until "0"; };', { checkDate: false, checkValidUntil: false }],
    ['Acquire { http { Check-Date "no"; }; Check-Date "yes"; };', { checkDate: true }],
    ['APT { Acquire { Check-Date "no"; }; };', {}],
    ['Acquire::Check-Date "no";\nAcquire::Check-Date "yes";', { checkDate: true }],
    ['// Acquire::Check-Date "no";\n# Acquire::Check-Date "no";\n/* Acquire::Check-Date\n"no"; */', {}],
    ['Acquire::http::Proxy "http://mirror.example/"; Acquire::Check-Date "no";', { checkDate: false }],
    ['DPkg::Post-Invoke { "rm -f {} || true"; "x; y"; }; Acquire::Check-Date "no";', { checkDate: false }],
    ['Acquire::Check-Date "perhaps";', {}],
  ])('%j', (text, settings) => {
    expect(parseAptSettings(text)).toEqual(settings);
  });

  test('whatever the text is, nothing is thrown', () => {
    const pieces = ['Acquire', '::', 'Check-Date', ' ', '"no"', ';', '{', '}', '"', '/*', '//', '\n', '#'];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces)), (parts) => {
        expect(Object.keys(parseAptSettings(parts.join('')))).not.toContain('undefined');
      }),
    );
  });
});
