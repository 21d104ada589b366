import { describe, expect, test } from 'vitest';

import { createContainerTree } from '../../../../src/builder/tree/container-tree.ts';
import { partOf } from '../../../../src/builder/source/part.ts';
import type { ArchiveEntry } from '../../../../src/core/tree.ts';

/** `name: text` is a file, `name/` a directory, `-> ` a link, `=> ` a hard link, `!` a device. */
function layer(...files: readonly (readonly [name: string, text?: string])[]): ArchiveEntry[] {
  return files.map(([name, text = '']): ArchiveEntry => {
    const common = { name, mode: 0o644, mtime: 0 };
    if (name.endsWith('/')) return { ...common, kind: 'directory' };
    if (text.startsWith('-> ')) return { ...common, kind: 'symlink', target: text.slice(3) };
    if (text.startsWith('=> ')) return { ...common, kind: 'hardlink', target: text.slice(3) };
    if (text === '!') return { ...common, kind: 'character-device' };
    return { ...common, kind: 'file', content: { kind: 'bytes', bytes: Buffer.from(text) } };
  });
}

function nodesOf(...layers: readonly ArchiveEntry[][]) {
  const tree = createContainerTree();
  for (const one of layers) tree.apply(one);
  return [...tree.entries.values()];
}

function shownOf(nodes: ReturnType<typeof nodesOf>): Record<string, string> {
  return Object.fromEntries(
    nodes.map((node) => [
      node.path,
      node.kind === 'symlink'
        ? `-> ${node.target}`
        : node.kind === 'file' && node.content.kind === 'bytes'
          ? Buffer.from(node.content.bytes).toString()
          : '/',
    ]),
  );
}

describe('layers of a container image', () => {
  test('replace, hide and link what lies below them', () => {
    const nodes = nodesOf(
      layer(
        ['./'],
        ['./etc/'],
        ['etc/a', '1'],
        ['etc/b', '2'],
        ['opt/'],
        ['opt/x/'],
        ['opt/x/y', '3'],
        ['dev/null', '!'],
      ),
      layer(['etc/.wh.a'], ['etc/c', '=> etc/b'], ['opt/.wh..wh..opq'], ['opt/z', '4']),
      layer(['etc/b', 'new']),
    );

    expect(shownOf(nodes)).toEqual({ etc: '/', 'etc/b': 'new', 'etc/c': '2', opt: '/', 'opt/z': '4' });
  });

  test('lie behind the links of the image, which never lead out of it', () => {
    const nodes = nodesOf(
      layer(['usr/bin/'], ['bin', '-> usr/bin'], ['up', '-> ../../../etc'], ['abs', '-> /etc']),
      layer(['bin/sh', 'sh'], ['up/one', '1'], ['abs/two', '2']),
    );

    expect(shownOf(nodes)).toMatchObject({ 'usr/bin/sh': 'sh', 'etc/one': '1', 'etc/two': '2', bin: '-> usr/bin' });
  });

  test('take away what lay in a directory that is none any more, for good', () => {
    const nodes = nodesOf(
      layer(['a/'], ['a/b', '1']),
      layer(['a', '-> etc']),
      layer(['.wh.a']),
      layer(['a/'], ['a/c', '2']),
    );
    expect(shownOf(nodes)).toEqual({ a: '/', 'a/c': '2' });
  });

  test.each(['../x', 'a/../../x', '/../x'])('must not have %s', (name) => {
    expect(() => nodesOf(layer([name, 'x']))).toThrow(/leads upwards/);
  });

  test('must not have links in a loop on the way to a file', () => {
    expect(() => nodesOf(layer(['a', '-> b'], ['b', '-> a'], ['a/x', '1']))).toThrow(/too many symbolic links/);
  });
});

describe('the part that a source takes of a tree', () => {
  const nodes = nodesOf(
    layer(['usr/lib/'], ['usr/lib/a.so', '1'], ['usr/lib/d/b.h', '2'], ['lib', '-> usr/lib'], ['l', '-> gone']),
  );
  const part = (path: string, includes: readonly string[] = [], excludes: readonly string[] = []) =>
    Object.keys(
      shownOf([
        ...partOf('src', nodes, {
          path: { value: path, position: { file: 's', line: 1, column: 1 } },
          includes,
          excludes,
        }),
      ]),
    );

  test('is what is in a directory, also behind a link', () => {
    expect(part('/lib')).toEqual(['a.so', 'd/b.h']);
    expect(part('usr/')).toEqual(['lib', 'lib/a.so', 'lib/d/b.h']);
    expect(part('usr', ['**/*.h'])).toEqual(['lib', 'lib/d/b.h']);
    expect(part('usr', [], ['lib/d'])).toEqual(['lib', 'lib/a.so']);
  });

  test('is a file under its own name', () => {
    expect(part('lib/a.so')).toEqual(['a.so']);
  });

  test('must be there', () => {
    expect(() => part('nothing')).toThrow('the source "src" has no "nothing"');
  });
});
