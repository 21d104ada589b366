import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { checkedDropIns } from '../../../src/host/checked-drop-ins.ts';
import { temporaryDirectory } from '../../support/archives.ts';

let root: ReturnType<typeof temporaryDirectory>;

beforeEach(() => {
  root = temporaryDirectory();
});

afterEach(() => {
  root[Symbol.dispose]();
});

const directories = ['/etc/x.d', '/run/x.d', '/usr/lib/x.d'];

function put(path: string, text: string): string {
  const real = root.at(path);
  mkdirSync(dirname(real), { recursive: true });
  writeFileSync(real, text);
  return real;
}

function link(path: string, target: string): void {
  mkdirSync(dirname(root.at(path)), { recursive: true });
  symlinkSync(target, root.at(path));
}

/** Every drop-in as `path: text`, its path below the root. */
function found({ trusted = true, at = directories } = {}): string[] {
  const rules = { root: root.path, suffix: '.yml', mistaken: '.yaml', trusted };
  const { dropIns, closed } = checkedDropIns(at, rules);
  const shown = dropIns.map((dropIn) => {
    const what = dropIn.kind === 'file' ? dropIn.text : dropIn.kind === 'mask' ? 'masked' : `refused: ${dropIn.why}`;
    return `${dropIn.path}: ${what}`;
  });
  return [...shown, ...closed.map(({ path, why }) => `${path}: closed: ${why}`)].map((line) =>
    line.replaceAll(root.path, ''),
  );
}

test('are sorted by name, and one of the same name in an earlier directory counts', () => {
  put('usr/lib/x.d/10-a.yml', 'vendor a');
  put('usr/lib/x.d/20-b.yml', 'vendor b');
  put('etc/x.d/20-b.yml', 'admin b');
  put('run/x.d/05-c.yml', 'run c');

  expect(found()).toEqual([
    '/run/x.d/05-c.yml: run c',
    '/usr/lib/x.d/10-a.yml: vendor a',
    '/etc/x.d/20-b.yml: admin b',
  ]);
});

test('that are empty or lead to /dev/null mask those of later directories', () => {
  for (const name of ['a', 'b', 'c']) put(`usr/lib/x.d/${name}.yml`, 'vendor');
  put('etc/x.d/a.yml', '');
  link('etc/x.d/b.yml', '/dev/null');

  expect(found()).toEqual(['/etc/x.d/a.yml: masked', '/etc/x.d/b.yml: masked', '/usr/lib/x.d/c.yml: vendor']);
});

test('are not what is hidden or left behind', () => {
  for (const name of [
    '.a.yml',
    '.#a.yml',
    'a.yml~',
    'a.yml.bak',
    'a.yml.dpkg-old',
    'a.yml.rpmnew',
    '#a.yml#',
    'README',
  ])
    put(`etc/x.d/${name}`, 'x');

  expect(found()).toEqual([]);
});

test('are found through links, none of which leads out of the root', () => {
  put('srv/fleet/a.yml', 'shared');
  put('usr/share/x.d/b.yml', 'linked directory');
  link('etc/x.d/a.yml', '/srv/fleet/a.yml');
  link('etc/x.d/c.yml', '../../../../../../../../../../../etc/hostname');
  link('run/x.d', '/usr/share/x.d');

  expect(found()).toEqual([
    '/etc/x.d/a.yml: shared',
    '/run/x.d/b.yml: linked directory',
    '/etc/x.d/c.yml: refused: it leads to nothing',
  ]);
});

describe('are refused, and still take the place of others of their name, when', () => {
  beforeEach(() => {
    put('usr/lib/x.d/a.yml', 'vendor');
    put('usr/lib/x.d/b.yml', 'another');
  });

  function refusal(): string {
    const [first = '', ...others] = found();
    expect(others).toEqual(['/usr/lib/x.d/b.yml: another']);
    return first;
  }

  test('others could have written them', () => {
    chmodSync(put('etc/x.d/a.yml', 'x'), 0o664);

    expect(refusal()).toBe('/etc/x.d/a.yml: refused: it can be written by others than root: chmod go-w');
    expect(found({ trusted: false })[0]).toBe('/etc/x.d/a.yml: x');
  });

  test('others could put them there', () => {
    chmodSync(dirname(put('etc/x.d/a.yml', 'x')), 0o777);

    expect(refusal()).toBe('/etc/x.d/a.yml: refused: its directory can be written by others than root: chmod go-w');
  });

  test('they are a directory', () => {
    mkdirSync(root.at('etc/x.d/a.yml'), { recursive: true });

    expect(refusal()).toBe('/etc/x.d/a.yml: refused: it is not a regular file');
  });

  test('they are a pipe, which is not waited for', () => {
    mkdirSync(root.at('etc/x.d'), { recursive: true });
    execFileSync('mkfifo', [root.at('etc/x.d/a.yml')]);

    expect(refusal()).toBe('/etc/x.d/a.yml: refused: it is not a regular file');
  });

  test('they lead nowhere', () => {
    link('etc/x.d/a.yml', 'nowhere');

    expect(refusal()).toBe('/etc/x.d/a.yml: refused: it leads to nothing');
  });

  test('they lead in a circle', () => {
    link('etc/x.d/a.yml', 'a.yml');

    expect(refusal()).toContain('/etc/x.d/a.yml: refused: too many symbolic links');
  });

  test('they are huge', () => {
    truncateSync(put('etc/x.d/a.yml', 'x'), 1024 ** 4);

    expect(refusal()).toBe('/etc/x.d/a.yml: refused: it is too big: 1099511627776 bytes, at most 1048576 are read');
  });

  test('they are no text', () => {
    writeFileSync(put('etc/x.d/a.yml', ''), Buffer.from([0x61, 0xff, 0xfe]));

    expect(refusal()).toBe('/etc/x.d/a.yml: refused: it is not text in UTF-8');
  });
});

test('with an ending that people take for the right one are named', () => {
  put('etc/x.d/a.yaml', 'x');

  expect(found()).toEqual(['/etc/x.d/a.yaml: refused: it is not read: its name must end in .yml']);
});

test('of a directory that is none are not known', () => {
  put('etc/x.d', 'a file');
  put('run/x.d/a.yml', 'x');

  expect(found()).toEqual([
    '/run/x.d/a.yml: x',
    '/etc/x.d: closed: cannot list /etc/x.d: a part of the path is not a directory',
  ]);
});

test('of no directory are none', () => {
  const rules = { root: root.path, suffix: '.yml', trusted: true };

  expect(checkedDropIns(directories, rules)).toEqual({ dropIns: [], closed: [], anyDirectory: false });
});

test('below / are masked by a link to the real /dev/null', () => {
  link('etc/x.d/b.yml', '/dev/null');

  const { dropIns } = checkedDropIns([root.at('etc/x.d')], { root: '/', suffix: '.yml', trusted: true });
  expect(dropIns.map(({ kind }) => kind)).toEqual(['mask']);
});
