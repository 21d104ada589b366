import { describe, expect, test } from 'vitest';

import {
  formatLinkedImage,
  parseLinkedImage,
  readLinkedImage,
  type HostLibraries,
  type LinkedImage,
} from '../../../../src/core/contents/linked-image.ts';
import { linkFindings } from '../../../../src/core/contents/linking.ts';
import type { ElfFacts } from '../../../../src/core/elf/facts.ts';

const lib = '/usr/lib/x86_64-linux-gnu';

function object(facts: Partial<ElfFacts> = {}): ElfFacts {
  const identity = { bits: 64, endian: 'little', machine: 62, architecture: 'x86-64' } as const;
  return { ...identity, needed: [], rpath: [], runpath: [], neededVersions: [], definedVersions: [], ...facts };
}

const program = (facts: Partial<ElfFacts> = {}) => object({ interpreter: '/lib64/ld-linux-x86-64.so.2', ...facts });

type Files = Readonly<Record<string, ElfFacts | string>>;

/** An image of programs and libraries by their paths; a text is where a symbolic link leads. */
function imageOf(files: Files): LinkedImage {
  const entries = Object.entries(files).map(([path, file]) =>
    typeof file === 'string'
      ? { path: path.slice(1), kind: 'symlink', target: file }
      : { path: path.slice(1), kind: 'file' },
  );
  return readLinkedImage(entries, (path) => {
    const facts = files[`/${path}`];
    return facts === undefined || typeof facts === 'string' ? undefined : { kind: 'object', facts };
  });
}

/** A merged-/usr Debian with a C library, and these files. */
function hostOf(files: Files = {}, more: Partial<HostLibraries> = {}): HostLibraries {
  const all: Files = {
    '/lib': 'usr/lib',
    '/lib64': 'usr/lib64',
    [`${lib}/libc.so.6`]: object({ soname: 'libc.so.6', definedVersions: ['GLIBC_2.2.5', 'GLIBC_2.34', 'GLIBC_2.36'] }),
    '/usr/lib64/ld-linux-x86-64.so.2': object(),
    ...files,
  };
  return {
    architecture: 'x86-64',
    configured: [],
    capabilities: [],
    linkTarget: (path) => (typeof all[path] === 'string' ? all[path] : undefined),
    facts: (path) => (typeof all[path] === 'object' ? all[path] : undefined),
    ...more,
  };
}

const messages = (files: Files, host = hostOf()) => linkFindings(imageOf(files), host).map(({ message }) => message);

describe('a library that is needed', () => {
  test('and nowhere is told once, with all that need it', () => {
    const needs = program({ needed: ['libonig.so.5', 'libc.so.6'] });

    expect(linkFindings(imageOf({ '/usr/bin/b': needs, '/usr/bin/a': needs }), hostOf())).toEqual([
      {
        rule: 'missing-library',
        severity: 'tell',
        paths: ['/usr/bin/a', '/usr/bin/b'],
        message: '/usr/bin/a and /usr/bin/b need libonig.so.5, which neither the image nor this host has',
        remedy: 'Add the package that brings it to the image, or see that the host has it.',
      },
    ]);
  });

  test('by a library of the image is told of that one', () => {
    const files = {
      '/usr/bin/jq': program({ needed: ['libjq.so.1'] }),
      [`${lib}/libjq.so.1`]: 'libjq.so.1.0',
      [`${lib}/libjq.so.1.0`]: object({ soname: 'libjq.so.1', needed: ['libonig.so.5'] }),
    };

    expect(messages(files)).toEqual([
      `${lib}/libjq.so.1.0 needs libonig.so.5, which neither the image nor this host has`,
    ]);
  });

  test.each<{ where: string; needs: ElfFacts; files?: Files; host?: HostLibraries }>([
    { where: 'in the image', needs: program({ needed: ['x.so'] }), files: { [`${lib}/x.so`]: object() } },
    { where: 'on the host', needs: program({ needed: ['x.so'] }), host: hostOf({ [`${lib}/x.so`]: object() }) },
    {
      where: 'behind a link of the image to the host',
      needs: program({ needed: ['x.so'] }),
      files: { '/usr/lib/x.so': '/opt/x/x.so.1' },
      host: hostOf({ '/opt/x/x.so.1': object() }),
    },
    {
      where: 'in a directory of ld.so.conf',
      needs: program({ needed: ['x.so'] }),
      host: hostOf({ '/opt/x/x.so': object() }, { configured: ['/opt/x'] }),
    },
    {
      where: 'where DT_RUNPATH leads',
      needs: program({ needed: ['x.so'], runpath: ['$ORIGIN/../libexec', '${ORIGIN}/../${LIB}/p'] }),
      files: { [`${lib}/p/x.so`]: object() },
    },
    {
      where: 'where DT_RPATH leads',
      needs: program({ needed: ['x.so'], rpath: ['/opt/x'] }),
      files: { '/opt/x/x.so': object() },
    },
    {
      where: 'in a directory for this CPU',
      needs: program({ needed: ['x.so'] }),
      host: hostOf({ [`${lib}/glibc-hwcaps/x86-64-v2/x.so`]: object() }, { capabilities: ['glibc-hwcaps/x86-64-v2'] }),
    },
  ])('is found $where', ({ needs, files = {}, host = hostOf() }) => {
    expect(messages({ '/usr/bin/a': needs, ...files }, host)).toEqual([]);
  });

  test('is not found by DT_RPATH where there is a DT_RUNPATH, nor where it is for other machines', () => {
    const needs = program({ needed: ['x.so', 'y.so'], rpath: ['/opt/x'], runpath: ['/opt/y'] });
    const files = { '/opt/x/x.so': object(), '/opt/y/y.so': object({ bits: 32, machine: 3, architecture: 'x86' }) };

    expect(messages({ '/usr/bin/a': needs, ...files })).toEqual([
      '/usr/bin/a needs x.so, which neither the image nor this host has',
      '/usr/bin/a needs y.so, which neither the image nor this host has',
    ]);
  });

  test('DT_RPATH counts for what a library needs, DT_RUNPATH does not', () => {
    const files = { [`${lib}/y.so`]: object({ needed: ['x.so'] }), '/opt/x/x.so': object() };

    expect(messages({ '/usr/bin/a': program({ needed: ['y.so'], rpath: ['/opt/x'] }), ...files })).toEqual([]);
    expect(messages({ '/usr/bin/a': program({ needed: ['y.so'], runpath: ['/opt/x'] }), ...files })).toHaveLength(1);
  });

  test('is there where it was loaded before by its soname', () => {
    const files = {
      '/usr/bin/a': program({ needed: ['x.so.1', 'y.so'], runpath: ['/opt/x'] }),
      '/opt/x/x.so.1': object({ soname: 'x.so.1' }),
      [`${lib}/y.so`]: object({ needed: ['x.so.1'] }),
    };

    expect(messages(files)).toEqual([]);
  });

  test('by a plugin is with the program that loads it', () => {
    const files = { '/usr/lib/p/plugin.so': object({ needed: ['core.so'] }), '/usr/lib/p/core.so': object() };

    expect(messages(files)).toEqual([]);
  });
});

describe('symbol versions', () => {
  const needing = (...versions: string[]) =>
    program({ needed: ['libc.so.6'], neededVersions: [{ library: 'libc.so.6', versions }] });

  test('that the host does not define are told by the newest', () => {
    expect(
      linkFindings(imageOf({ '/usr/bin/jq': needing('GLIBC_2.2.5', 'GLIBC_2.38', 'GLIBC_2.100') }), hostOf()),
    ).toEqual([
      {
        rule: 'symbol-version',
        severity: 'ask',
        paths: ['/usr/bin/jq'],
        message: '/usr/bin/jq needs GLIBC_2.100 of libc.so.6, this host has GLIBC_2.36 at most',
        remedy: 'Build the image from packages for the release of this host.',
      },
    ]);
  });

  test('that the host defines are no matter', () => {
    expect(messages({ '/usr/bin/jq': needing('GLIBC_2.34') })).toEqual([]);
  });
});

test('a program whose loader is nowhere is told', () => {
  expect(messages({ '/usr/bin/a': program({ interpreter: '/lib/ld-musl-x86_64.so.1' }) })).toEqual([
    '/usr/bin/a needs the loader /lib/ld-musl-x86_64.so.1, which neither the image nor this host has',
  ]);
});

test('a program for another CPU is told, firmware is not', () => {
  const foreign = object({ machine: 183, architecture: 'arm64', needed: ['nowhere.so'] });

  expect(messages({ '/usr/bin/a': foreign, '/usr/share/qemu/firmware.elf': foreign })).toEqual([
    '/usr/bin/a needs a CPU of arm64, which this host does not have',
  ]);
});

test('names from an image move no cursor', () => {
  expect(messages({ '/usr/bin/a': program({ needed: ['\u001b[2Jx.so'] }) })).toEqual([
    '/usr/bin/a needs \\u{1b}[2Jx.so, which neither the image nor this host has',
  ]);
});

test('a linked image is the same after it was kept as text', () => {
  const image = imageOf({ '/usr/bin/a': program({ needed: ['x'] }), '/usr/lib/x': 'y' });

  expect(parseLinkedImage(formatLinkedImage(image))).toEqual(image);
});
