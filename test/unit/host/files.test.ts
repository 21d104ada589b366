import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { AgentError } from '../../../src/core/errors.ts';
import { copyHashed, sha256, sha256OfFile } from '../../../src/host/digest.ts';
import {
  copyAtomically,
  fileStatus,
  isEmpty,
  linkDurably,
  listNames,
  readText,
  readTextIfAny,
  temporaryBeside,
  writeAtomically,
} from '../../../src/host/files.ts';
import { belowRoot } from '../../../src/host/root.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'files-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

function errorOf(call: () => unknown): AgentError {
  try {
    call();
  } catch (error) {
    if (error instanceof AgentError) return error;
  }
  throw new Error('it did not fail as an AgentError');
}

describe('writing', () => {
  test('replaces a file in one step, and whoever has the old one open keeps it', () => {
    const path = join(directory, 'file');
    writeFileSync(path, 'old');
    const kept = join(directory, 'kept');
    linkSync(path, kept);

    writeAtomically(path, 'new', 0o600);

    expect([readFileSync(path, 'utf8'), readFileSync(kept, 'utf8')]).toEqual(['new', 'old']);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory).sort()).toEqual(['file', 'kept']);
  });

  test('that fails leaves what was there, and nothing else', () => {
    const path = join(directory, 'directory');
    mkdirSync(join(path, 'full'), { recursive: true });

    expect(() => {
      writeAtomically(path, 'text');
    }).toThrow(AgentError);
    expect(readdirSync(directory)).toEqual(['directory']);
  });

  test('copies whole files, and a copy that fails leaves nothing', () => {
    writeFileSync(join(directory, 'from'), 'content');

    copyAtomically(join(directory, 'from'), join(directory, 'to'));

    expect(readFileSync(join(directory, 'to'), 'utf8')).toBe('content');
    expect(
      errorOf(() => {
        copyAtomically(join(directory, 'gone'), join(directory, 'other'));
      }).code,
    ).toBe('no-such-file');
    expect(readdirSync(directory).sort()).toEqual(['from', 'to']);
  });

  test('gives a file another name in one step even where that name is taken', () => {
    writeFileSync(join(directory, 'image'), 'image');
    writeFileSync(join(directory, 'name'), 'other');

    linkDurably(join(directory, 'image'), join(directory, 'name'));

    expect(statSync(join(directory, 'name')).ino).toBe(statSync(join(directory, 'image')).ino);
  });
});

describe('reading', () => {
  test('of what is missing names the path, or finds nothing', () => {
    const path = join(directory, 'missing');

    expect(errorOf(() => readText(path))).toMatchObject({
      code: 'no-such-file',
      message: `cannot read ${path}: no such file or directory`,
    });
    expect(readTextIfAny(path)).toBeUndefined();
    expect(listNames(path)).toEqual([]);
  });

  test('finds nothing below a file', () => {
    writeFileSync(join(directory, 'file'), '');

    expect(readTextIfAny(join(directory, 'file/below'))).toBeUndefined();
  });

  test('names are sorted by their bytes', () => {
    for (const name of ['b', 'a', 'B', 'ä']) writeFileSync(join(directory, name), '');

    expect(listNames(directory)).toEqual(['B', 'a', 'b', 'ä']);
  });
});

test('a copy is hashed as it is written', () => {
  const content = Buffer.alloc(3 * 1024 * 1024 + 17, 'x');
  writeFileSync(join(directory, 'from'), content);

  const copy = copyHashed(join(directory, 'from'), join(directory, 'to'));

  expect(copy).toEqual({ sha256: sha256(content), size: content.length });
  expect(sha256OfFile(join(directory, 'to'))).toBe(copy.sha256);
});

test('temporary names are passed over by systemd and never the same', () => {
  const names = Array.from({ length: 1000 }, () => temporaryBeside('/var/lib/extensions/jq.raw'));

  expect(new Set(names).size).toBe(names.length);
  expect(names[0]).toMatch(/^\/var\/lib\/extensions\/\.#jq\.raw\.[0-9a-f]{16}$/);
});

describe('a path below another root', () => {
  test.each([
    ['/etc/os-release', '/etc/os-release'],
    ['/absolute/x', '/var/x'],
    ['/relative/x', '/var/x'],
    ['/../../etc', '/etc'],
    ['/up/etc', '/etc'],
    ['/not/there', '/not/there'],
  ])('%s is %s', (path, expected) => {
    mkdirSync(join(directory, 'var'));
    symlinkSync('/var', join(directory, 'absolute'));
    symlinkSync('var', join(directory, 'relative'));
    symlinkSync('../../../..', join(directory, 'up'));

    expect(belowRoot(directory, path)).toBe(join(directory, expected));
  });

  test('that goes in circles is an error', () => {
    symlinkSync('loop', join(directory, 'loop'));

    expect(errorOf(() => belowRoot(directory, '/loop')).message).toContain('too many');
  });

  test('is itself where the root is /', () => {
    expect(belowRoot('/', '/etc/../etc/os-release')).toBe('/etc/../etc/os-release');
  });
});

test('behind a link that leads to itself there is nothing', () => {
  symlinkSync('loop', join(directory, 'loop'));

  expect(fileStatus(join(directory, 'loop'))).toBeUndefined();
});

test.each([
  ['', true],
  ['x', false],
])('a file with %j in it is empty: %j', (text, expected) => {
  writeFileSync(join(directory, 'file'), text);

  expect(isEmpty(join(directory, 'file'))).toBe(expected);
});

test('what cannot be opened counts as empty', () => {
  expect(isEmpty(join(directory, 'missing'))).toBe(true);
});
