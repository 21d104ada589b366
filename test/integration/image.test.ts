import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { basename } from 'node:path';

import { expect, test } from 'vitest';

import { makeImage } from '../../src/builder/image/image.ts';
import { treeUuid } from '../../src/builder/image/uuid.ts';
import { debEntries } from '../../src/builder/packages/deb/archive.ts';
import type { LocalPackage } from '../../src/builder/packages/packages.ts';
import { assemble } from '../../src/builder/tree/assemble.ts';
import type { Tree, TreeNode } from '../../src/core/tree.ts';
import { sameContent } from '../../src/host/content.ts';
import { createExec } from '../../src/host/exec.ts';
import { sha256OfFile } from '../../src/host/digest.ts';
import { readTar } from '../../src/host/tar.ts';
import { writeTree } from '../../src/host/tree-writer.ts';
import { temporaryDirectory } from '../support/archives.ts';

const exec = createExec({});
const settings = { name: 'sample', imageName: 'sample-v1', architecture: 'x86-64', osId: '_any' } as const;

/** A package as dpkg-deb builds it: setuid, hard and symbolic links, a unit in /lib, odd names in /etc. */
function buildDeb(directory: string, compression: string): LocalPackage {
  const root = `${directory}/package-${compression}`;
  const write = (name: string, text: string, mode = 0o644) => {
    fs.mkdirSync(`${root}/${name}`.replace(/\/[^/]*$/, ''), { recursive: true });
    fs.writeFileSync(`${root}/${name}`, text);
    fs.chmodSync(`${root}/${name}`, mode);
    fs.utimesSync(`${root}/${name}`, 1_100_000_000, 1_100_000_000);
  };
  write('DEBIAN/control', 'Package: sample\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b.c>\nDescription: x\n');
  write('usr/bin/sample', '#!/bin/sh\n', 0o4755);
  write('usr/share/sample/large', 'line\n'.repeat(200_000));
  write('lib/systemd/system/sample.service', '[Service]\nExecStart=/usr/bin/sample\n');
  write('etc/sample/with space %b', 'setting\n', 0o600);
  fs.linkSync(`${root}/usr/bin/sample`, `${root}/usr/bin/twin`);
  fs.symlinkSync('../../lib/systemd/system/sample.service', `${root}/usr/share/unit`);
  fs.chownSync(`${root}/usr/bin/sample`, 1000, 1000);
  fs.chmodSync(`${root}/usr/bin/sample`, 0o4755);
  const path = `${directory}/sample-${compression}.deb`;
  execFileSync('dpkg-deb', [`-Z${compression}`, '-b', root, path], { stdio: 'ignore' });
  return { name: 'sample', version: '1', architecture: 'all', sha256: sha256OfFile(path), size: 0, url: '', path };
}

async function treeOf(pkg: LocalPackage, cacheDirectory: string): Promise<Tree> {
  const entries = await debEntries(pkg, { exec, cacheDirectory });
  return assemble([{ name: pkg.name, entries }], settings, sameContent).tree;
}

/** Writes the tree into a new directory and makes the image of it. */
async function imageOf(tree: Tree, directory: string, output: string, format: 'erofs' | 'squashfs' = 'erofs') {
  fs.mkdirSync(directory, { recursive: true });
  writeTree(directory, tree);
  return makeImage({ directory, output, uuid: treeUuid(tree), timestamp: tree.timestamp }, format, exec);
}

/** What a directory holds, as a tree would say it; owners must be root's. */
function found(root: string): Record<string, unknown> {
  const names = fs.readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
  return Object.fromEntries(
    names.map((path): [string, unknown] => {
      const status = fs.lstatSync(`${root}/${path}`);
      const owner = `${status.uid}:${status.gid}`;
      if (status.isSymbolicLink()) return [path, { owner, target: fs.readlinkSync(`${root}/${path}`) }];
      const common = { owner, mode: status.mode & 0o777, mtime: status.mtimeMs / 1000 };
      return [path, status.isFile() ? { ...common, size: status.size } : common];
    }),
  );
}

test('fsck.erofs accepts the image and takes out of it what was put in: owners, modes, times, links', async () => {
  using directory = temporaryDirectory();
  const tree = await treeOf(buildDeb(directory.path, 'xz'), directory.at('cache'));
  const made = await imageOf(tree, directory.at('tree'), directory.at('sample.raw'));
  execFileSync('fsck.erofs', ['--preserve', `--extract=${directory.at('out')}`, directory.at('sample.raw')]);
  const extracted = found(directory.at('out'));

  expect(made).toEqual({ format: 'erofs', warnings: [] });
  expect(extracted).toEqual(found(directory.at('tree')));
  expect(extracted).toMatchObject({
    'usr/bin/sample': { owner: '0:0', mode: 0o755, mtime: 1_100_000_000 },
    'usr/share/unit': { owner: '0:0', target: '../lib/systemd/system/sample.service' },
    'usr/share/sample/etc/sample/with space %b': { mode: 0o600 },
    'usr/lib/systemd/system/multi-user.target.d/10-sample-sample.conf': { mode: 0o644 },
  });
  expect(execFileSync('dump.erofs', ['--path=/usr/bin/twin', directory.at('sample.raw')]).toString()).toMatch(
    /Links: 2/,
  );
});

test('systemd-tmpfiles reads the names back as they were', () => {
  using directory = temporaryDirectory();
  const odd = ['a b', '50%d', 'back\\x41slash', `"q'`, '.dot', 'ü', 'end '];
  const entries = odd.map((name) => ({
    name: `etc/${name}`,
    kind: 'file' as const,
    mode: 0o644,
    mtime: 1,
    content: { kind: 'bytes' as const, bytes: Buffer.from(name) },
  }));
  fs.mkdirSync(directory.at('root'));
  writeTree(directory.at('root'), assemble([{ name: 'sample', entries }], settings, sameContent).tree);
  execFileSync('systemd-tmpfiles', [`--root=${directory.at('root')}`, '--create', '10-sample.conf']);

  expect(fs.readdirSync(directory.at('root/etc')).sort()).toEqual(odd.toSorted());
  for (const name of odd) expect(fs.readFileSync(directory.at(`root/etc/${name}`), 'utf8')).toBe(name);
});

test.each(['erofs', 'squashfs'] as const)(
  'the same packages give the same %s, whenever and wherever',
  async (format) => {
    using directory = temporaryDirectory();
    // A second file system, on which directories list their names in another order.
    const elsewhere = fs.mkdtempSync('/dev/shm/sysext-agent-test-');
    try {
      const pkg = buildDeb(directory.path, 'xz');
      const first = await treeOf(pkg, directory.at('cache'));
      await imageOf(first, directory.at('one/tree'), directory.at('a.raw'), format);
      const second = await treeOf(pkg, `${elsewhere}/cache`);
      const backwards = { ...second, nodes: reversedFiles(second.nodes) };
      fs.mkdirSync(`${elsewhere}/tree`);
      writeTree(`${elsewhere}/tree`, backwards);
      const request = { directory: `${elsewhere}/tree`, output: directory.at('b.raw') };
      await nextSecond();
      await makeImage({ ...request, uuid: treeUuid(second), timestamp: second.timestamp }, format, exec);

      expect(sha256OfFile(directory.at('b.raw'))).toBe(sha256OfFile(directory.at('a.raw')));
      expect(fs.readdirSync(directory.path).filter((name) => name.startsWith('.#'))).toEqual([]);
    } finally {
      fs.rmSync(elsewhere, { recursive: true });
    }
  },
);

/** The same tree, written in another order: directories stay before what is in them. */
function reversedFiles(nodes: readonly TreeNode[]): readonly TreeNode[] {
  const depth = (node: TreeNode) => node.path.split('/').length;
  return nodes.toReversed().sort((a, b) => depth(a) - depth(b));
}

/** Until the clock shows another second, for what would write it into an image. */
async function nextSecond(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 1000 - (Date.now() % 1000)));
}

test.each(['xz', 'gzip', 'zstd', 'none'])('a package compressed with %s holds the same', async (compression) => {
  using directory = temporaryDirectory();
  const pkg = buildDeb(directory.path, compression);
  const tree = await treeOf(pkg, directory.at('cache'));
  const [kept] = fs.readdirSync(directory.at('cache/unpacked'));

  expect(kept).toBe(`${pkg.sha256}-${sha256OfFile(directory.at(`cache/unpacked/${kept!}`))}.tar`);
  expect(tree.nodes.find(({ path }) => path === 'usr/share/sample/large')).toMatchObject({
    content: { length: 1_000_000 },
  });
});

test('an unpacked archive is used again as long as its bytes are what they were', async () => {
  using directory = temporaryDirectory();
  const pkg = buildDeb(directory.path, 'gzip');
  await treeOf(pkg, directory.at('cache'));
  const kept = `${directory.at('cache/unpacked')}/${fs.readdirSync(directory.at('cache/unpacked'))[0]!}`;
  fs.renameSync(pkg.path, `${pkg.path}.away`);
  await treeOf(pkg, directory.at('cache'));

  fs.renameSync(`${pkg.path}.away`, pkg.path);
  const whole = fs.readFileSync(kept);
  fs.writeFileSync(kept, Buffer.concat([whole.subarray(0, 600), Buffer.from('evil'), whole.subarray(604)]));
  await treeOf(pkg, directory.at('cache'));
  expect(fs.readFileSync(kept).equals(whole)).toBe(true);
});

test('bsdtar and GNU tar are read alike', () => {
  using directory = temporaryDirectory();
  buildDeb(directory.path, 'none');
  const outputs = [
    ['tar', '--format=gnu'],
    ['tar', '--format=posix'],
    ['bsdtar', '--format=ustar'],
    ['bsdtar', '--format=gnutar'],
    ['bsdtar', '--format=pax'],
  ].map(([program, format]) => {
    const path = directory.at(`${program!}${format!}.tar`);
    execFileSync(program!, [format!, '-cf', path, '-C', directory.at('package-none'), './usr', './etc', './lib']);
    const entries = readTar(path).map(({ name, kind, mode, mtime, content }) => ({
      name: name.replace(/\/$/, ''),
      // Which of two hard links is the file depends on the order of the directory.
      kind: basename(name) === 'twin' || basename(name) === 'sample' ? 'any' : kind,
      mode,
      mtime,
      length: content?.kind === 'range' && !name.includes('/bin/') ? content.length : 0,
    }));
    return entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  });

  for (const entries of outputs) expect(entries).toEqual(outputs[0]);
});

test('without mkfs.erofs the image becomes squashfs, and that is said', async () => {
  using directory = temporaryDirectory();
  const tree = await treeOf(buildDeb(directory.path, 'xz'), directory.at('cache'));
  fs.mkdirSync(directory.at('tree'));
  writeTree(directory.at('tree'), tree);
  const request = {
    directory: directory.at('tree'),
    output: directory.at('x.raw'),
    uuid: treeUuid(tree),
    timestamp: 1,
  };
  const without = createExec({});
  const made = await makeImage(request, 'erofs', {
    run: (program, args, options) =>
      without.run(program === 'mkfs.erofs' ? '/nowhere/mkfs.erofs' : program, args, options),
  });

  expect(made.format).toBe('squashfs');
  expect(made.warnings).toEqual(['mkfs.erofs is not installed: the image is squashfs instead of erofs']);
  expect(execFileSync('unsquashfs', ['-lln', directory.at('x.raw')]).toString()).toMatch(
    /-rwsr-xr-x 0\/0 .*usr\/bin\/sample/,
  );
});

test.each(['erofs', 'squashfs'] as const)('a full disk leaves the old image and nothing else (%s)', async (format) => {
  using directory = temporaryDirectory();
  const content = {
    kind: 'bytes' as const,
    bytes: Buffer.from(Array.from({ length: 400_000 }, (_, i) => (i * i) % 251)),
  };
  const nodes: TreeNode[] = [{ kind: 'file', path: 'x', mode: 0o644, mtime: 1, content: { ...content } }];
  fs.mkdirSync(directory.at('tree'));
  fs.mkdirSync(directory.at('small'));
  writeTree(directory.at('tree'), { nodes, timestamp: 1 });
  fs.writeFileSync(directory.at('tree/random'), execFileSync('head', ['-c', '400000', '/dev/urandom']));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128k', 'none', directory.at('small')]);
  try {
    fs.writeFileSync(directory.at('small/x.raw'), 'old');
    const request = {
      directory: directory.at('tree'),
      output: directory.at('small/x.raw'),
      uuid: treeUuid({ nodes, timestamp: 1 }),
      timestamp: 1,
    };

    await expect(makeImage(request, format, exec)).rejects.toMatchObject({ code: 'disk-full' });
    expect(fs.readdirSync(directory.at('small'))).toEqual(['x.raw']);
    expect(fs.readFileSync(directory.at('small/x.raw'), 'utf8')).toBe('old');
  } finally {
    execFileSync('umount', [directory.at('small')]);
  }
});

test('a tree that does not fit is a full disk, too', () => {
  using directory = temporaryDirectory();
  fs.mkdirSync(directory.at('small'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', directory.at('small')]);
  try {
    const content = { kind: 'bytes' as const, bytes: Buffer.alloc(200_000) };
    const nodes: TreeNode[] = [{ kind: 'file', path: 'x', mode: 0o644, mtime: 1, content }];

    expect(() => {
      writeTree(directory.at('small'), { nodes, timestamp: 1 });
    }).toThrow(expect.objectContaining({ code: 'disk-full' }));
  } finally {
    execFileSync('umount', [directory.at('small')]);
  }
});
