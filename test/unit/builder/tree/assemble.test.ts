import { expect, test } from 'vitest';

import { assemble, type PackageContents } from '../../../../src/builder/tree/assemble.ts';
import type { ImageSettings } from '../../../../src/builder/tree/settings.ts';
import { AgentError } from '../../../../src/core/errors.ts';
import type { ArchiveEntry, TreeNode } from '../../../../src/core/tree.ts';
import { sameContent } from '../../../../src/host/content.ts';

const settings: ImageSettings = {
  name: 'jq',
  imageName: 'jq-v1-1-trixie-x86-64',
  architecture: 'x86-64',
  osId: '_any',
};

function file(name: string, text = name, rest: Partial<ArchiveEntry> = {}): ArchiveEntry {
  const content = { kind: 'bytes' as const, bytes: Buffer.from(text) };
  return { name, kind: 'file', mode: 0o644, mtime: 1000, content, ...rest };
}

const link = (name: string, target: string): ArchiveEntry => ({
  name,
  kind: 'symlink',
  mode: 0o777,
  mtime: 900,
  target,
});
const twin = (name: string, target: string): ArchiveEntry => ({ ...link(name, target), kind: 'hardlink' });
const directory = (name: string): ArchiveEntry => ({ name, kind: 'directory', mode: 0o750, mtime: 900 });

function pkg(name: string, ...entries: readonly ArchiveEntry[]): PackageContents {
  return { name, entries };
}

function assembled(...packages: readonly PackageContents[]) {
  return assemble(packages, settings, sameContent);
}

/** The tree as lines: `path`, `path/`, `path -> target`, `path => other name`. */
function listing(nodes: readonly TreeNode[]): string[] {
  return nodes.map((node) => {
    if (node.kind === 'directory') return `${node.path}/`;
    if (node.kind === 'file') return node.path;
    return `${node.path} ${node.kind === 'symlink' ? '->' : '=>'} ${node.target}`;
  });
}

function textOf(nodes: readonly TreeNode[], path: string): string | undefined {
  const node = nodes.find((candidate) => candidate.path === path);
  return node?.kind === 'file' && node.content.kind === 'bytes'
    ? Buffer.from(node.content.bytes).toString()
    : undefined;
}

function linkOf(nodes: readonly TreeNode[], path: string): string | undefined {
  const node = nodes.find((candidate) => candidate.path === path);
  return node?.kind === 'symlink' ? node.target : undefined;
}

/** The facts of the refusal that these packages meet. */
function refusalOf(...packages: readonly PackageContents[]): readonly string[] {
  try {
    assembled(...packages);
  } catch (error) {
    if (error instanceof AgentError && error.code === 'content-refused') return error.details.facts ?? [error.message];
    throw error;
  }
  return [];
}

test('the tree of an extension, as Dalec lays it out', () => {
  const { tree, warnings } = assembled(
    pkg(
      'jq',
      directory('./'),
      directory('./bin/'),
      file('./bin/jq', 'program', { mode: 0o4755 }),
      directory('./etc/'),
      file('./etc/jq.conf'),
      file('./etc/.hidden/x'),
      file('./lib/systemd/system/jq.service'),
      file('./opt/jq/data'),
    ),
  );

  expect(listing(tree.nodes)).toEqual([
    'opt/',
    'opt/jq/',
    'opt/jq/data',
    'usr/',
    'usr/bin/',
    'usr/bin/jq',
    'usr/lib/',
    'usr/lib/extension-release.d/',
    'usr/lib/extension-release.d/extension-release.jq',
    'usr/lib/extension-release.d/extension-release.jq-v1-1-trixie-x86-64 -> extension-release.jq',
    'usr/lib/systemd/',
    'usr/lib/systemd/system/',
    'usr/lib/systemd/system/jq.service',
    'usr/lib/systemd/system/multi-user.target.d/',
    'usr/lib/systemd/system/multi-user.target.d/10-jq-jq.conf',
    'usr/lib/tmpfiles.d/',
    'usr/lib/tmpfiles.d/10-jq.conf',
    'usr/share/',
    'usr/share/jq/',
    'usr/share/jq/etc/',
    'usr/share/jq/etc/.hidden/',
    'usr/share/jq/etc/.hidden/x',
    'usr/share/jq/etc/jq.conf',
  ]);
  expect(textOf(tree.nodes, 'usr/lib/extension-release.d/extension-release.jq')).toBe(
    'ID=_any\nARCHITECTURE=x86-64\nEXTENSION_RELOAD_MANAGER=1\n',
  );
  expect(textOf(tree.nodes, 'usr/lib/tmpfiles.d/10-jq.conf')).toBe(
    'C+ /etc/.hidden - - - - /usr/share/jq/etc/.hidden\nC+ /etc/jq.conf - - - - /usr/share/jq/etc/jq.conf\n',
  );
  expect(textOf(tree.nodes, 'usr/lib/systemd/system/multi-user.target.d/10-jq-jq.conf')).toBe(
    '[Unit]\nUpholds=jq.service\n',
  );
  expect(tree.nodes.find(({ path }) => path === 'usr/bin/jq')).toMatchObject({ mode: 0o4755, mtime: 1000 });
  expect(warnings).toEqual([]);
});

test('no link where the image is named as the extension; version and level come in their order', () => {
  const named = { ...settings, imageName: 'jq', osId: 'flatcar', osVersionId: '4593.0.0', sysextLevel: '1.0' };
  const { tree } = assemble([pkg('jq', file('usr/bin/jq'))], named, sameContent);
  const release = tree.nodes.filter(({ path }) => path.includes('extension-release.d/'));

  expect(release).toHaveLength(1);
  expect(textOf(release, 'usr/lib/extension-release.d/extension-release.jq')).toBe(
    'ID=flatcar\nARCHITECTURE=x86-64\nEXTENSION_RELOAD_MANAGER=1\nVERSION_ID=4593.0.0\nSYSEXT_LEVEL=1.0\n',
  );
});

test('what an extension cannot bring is left out with one warning', () => {
  const { tree, warnings } = assembled(
    pkg(
      'jq',
      file('usr/bin/jq'),
      directory('var/'),
      directory('var/lib/jq/'),
      file('boot/x'),
      file('etc/systemd/system.conf'),
      file('usr/share/factory/etc/systemd/kept'),
    ),
  );

  expect(warnings).toEqual([
    'left out, as an extension brings only /usr, /opt and /etc without /etc/systemd: /boot/x, /etc/systemd/system.conf, /var/lib/jq',
  ]);
  expect(listing(tree.nodes)).toContain('usr/share/factory/etc/systemd/kept');
  expect(listing(tree.nodes).join()).not.toContain('tmpfiles.d');
});

test('links of a base package with merged /usr are dropped without a word', () => {
  const links = ['bin', 'sbin', 'lib', 'lib64'].map((name) => link(`./${name}`, `usr/${name}`));
  const { tree, warnings } = assembled(pkg('base-files', ...links, file('usr/x')), pkg('jq', file('lib/y')));

  expect(listing(tree.nodes).filter((line) => !line.includes('release'))).toEqual([
    'usr/',
    'usr/lib/',
    'usr/lib/y',
    'usr/x',
  ]);
  expect(warnings).toEqual([]);
});

test('what says to be another system or extension is left out with a warning', () => {
  const { tree, warnings } = assembled(
    pkg(
      'base-files',
      file('lib/os-release'),
      file('usr/lib/extension-release.d/extension-release.other'),
      file('usr/x'),
    ),
  );

  expect(listing(tree.nodes).join()).not.toMatch(/os-release|other/);
  expect(warnings.join()).toContain('/usr/lib/extension-release.d/extension-release.other, /usr/lib/os-release');
});

test.each([
  ['in the same directory', 'lib/a.so', 'a.so.1', 'usr/lib/a.so', 'a.so.1'],
  ['to /usr, relative, from a moved place', 'lib/a', '../usr/share/x', 'usr/lib/a', '../share/x'],
  ['to a moved file, absolute', 'usr/bin/a', '/lib/moved', 'usr/bin/a', '/usr/lib/moved'],
  ['to a moved file, relative', 'usr/bin/a', '../../lib/moved', 'usr/bin/a', '../lib/moved'],
  ['to a file of the host, absolute', 'usr/bin/a', '/lib/host', 'usr/bin/a', '/lib/host'],
  ['to a file of the host, relative', 'usr/bin/a', '../../lib/host', 'usr/bin/a', '../../lib/host'],
  ['between moved directories', 'sbin/a', '../bin/b', 'usr/sbin/a', '../bin/b'],
  ['to /etc, absolute', 'usr/lib/a', '/etc/x', 'usr/lib/a', '/etc/x'],
  ['to /etc from a moved place', 'lib/a', '../etc/x', 'usr/lib/a', '../../etc/x'],
  ['to a name that begins like etc', 'usr/lib/a', 'etc-config', 'usr/lib/a', 'etc-config'],
  ['to a name that begins like lib', 'usr/lib/a', 'lib/foo', 'usr/lib/a', 'lib/foo'],
  ['within /etc', 'etc/a', '../etc/b', 'usr/share/jq/etc/a', '../etc/b'],
  ['from /etc to /usr', 'etc/a', '../usr/share/x', 'usr/share/jq/etc/a', '../usr/share/x'],
  ['from /etc to a moved file', 'etc/a', '../lib/moved', 'usr/share/jq/etc/a', '../usr/lib/moved'],
  ['to nothing', 'usr/lib/systemd/system/a.service', '/dev/null', 'usr/lib/systemd/system/a.service', '/dev/null'],
  ['above the root', 'usr/a', '../../../../etc/passwd', 'usr/a', '../../../../etc/passwd'],
])('a link %s still leads where it led', (_what, name, target, place, expected) => {
  const { tree } = assembled(pkg('jq', link(name, target), file('lib/moved')));

  expect(linkOf(tree.nodes, place)).toBe(expected);
});

test('hard links stay links to one file, wherever its names go', () => {
  const { tree } = assembled(
    pkg('jq', twin('usr/bin/a', './lib/z'), file('lib/z', 'z', { mode: 0o755 }), twin('usr/bin/c', 'usr/bin/a')),
    pkg('other', file('var/lost', 'lost'), twin('usr/lost', 'var/lost')),
  );

  expect(listing(tree.nodes)).toEqual(
    expect.arrayContaining(['usr/bin/a', 'usr/bin/c => usr/bin/a', 'usr/lib/z => usr/bin/a', 'usr/lost']),
  );
  expect(tree.nodes.find(({ path }) => path === 'usr/bin/a')).toMatchObject({ kind: 'file', mode: 0o755 });
  expect(textOf(tree.nodes, 'usr/lost')).toBe('lost');
});

test('what two packages bring alike is there once; of what they bring differently the last wins, with a warning', () => {
  const a = pkg('a', file('usr/same', 'x'), file('usr/differs', 'a'), file('usr/mode', 'm'), directory('usr/d'));
  const b = pkg(
    'b',
    file('usr/same', 'x', { mtime: 5 }),
    file('usr/differs', 'b'),
    file('usr/mode', 'm', { mode: 0o4755 }),
    directory('usr/d'),
  );

  for (const packages of [
    [a, b],
    [b, a],
  ]) {
    const { tree, warnings } = assembled(...packages);
    expect(textOf(tree.nodes, 'usr/differs')).toBe('b');
    expect(warnings).toEqual(['files of b replace those of a: /usr/differs, /usr/mode']);
  }
});

test('a file of a package gives way to one that makes the extension', () => {
  const { tree, warnings } = assembled(pkg('jq', file('etc/x'), file('usr/lib/tmpfiles.d/10-jq.conf', 'r! /')));

  expect(textOf(tree.nodes, 'usr/lib/tmpfiles.d/10-jq.conf')).toBe('C+ /etc/x - - - - /usr/share/jq/etc/x\n');
  expect(warnings.join()).toContain('/usr/lib/tmpfiles.d/10-jq.conf');
});

test('names with special characters are written for tmpfiles.d, whose two path fields are read differently', () => {
  const { tree } = assembled(pkg('jq', file('etc/a b%c\\d"e'), file('etc/plain'), file('etc/space ')));

  expect(textOf(tree.nodes, 'usr/lib/tmpfiles.d/10-jq.conf')).toBe(
    'C+ "/etc/a b%%c\\\\d\\"e" - - - - /usr/share/jq/etc/a b%%c\\\\d"e\n' +
      'C+ /etc/plain - - - - /usr/share/jq/etc/plain\n' +
      'C+ "/etc/space " - - - - /usr/share/jq/etc/space\\x20\n',
  );
});

test('services are upheld unless they are templates, hidden, masked or no units', () => {
  const unit = 'usr/lib/systemd/system';
  const { tree } = assembled(
    pkg(
      'jq',
      file(`${unit}/a.service`),
      link(`${unit}/alias.service`, 'a.service'),
      file(`lib/systemd/system/dev\\x2dsda.service`),
      file(`${unit}/template@.service`),
      file(`${unit}/template@x.service`),
      file(`${unit}/.hidden.service`),
      link(`${unit}/masked.service`, '/dev/null'),
      file(`${unit}/empty.service`, ''),
      file(`${unit}/b c.service`),
      file(`${unit}/x.socket`),
      file(`${unit}/x.target.wants/deep.service`),
    ),
  );
  const upheld = listing(tree.nodes).filter((line) => /multi-user\.target\.d\/./.test(line));

  expect(upheld.map((line) => line.replace(/.*\/10-jq-/, ''))).toEqual(['a.conf', 'alias.conf', 'dev\\x2dsda.conf']);
});

test('times: the newest of the packages for what is added, never newer than SOURCE_DATE_EPOCH', () => {
  const packages = [pkg('jq', file('usr/old', '', { mtime: 500 }), file('usr/new', '', { mtime: 2000 }))];
  const time = (nodes: readonly TreeNode[], path: string) => {
    const node = nodes.find((candidate) => candidate.path === path);
    return node?.kind === 'hardlink' ? undefined : node?.mtime;
  };
  const { tree } = assemble(packages, settings, sameContent);
  const clamped = assemble(packages, { ...settings, sourceDateEpoch: 700 }, sameContent).tree;
  const paths = ['usr', 'usr/lib/extension-release.d/extension-release.jq', 'usr/new', 'usr/old'];

  expect(paths.map((path) => time(tree.nodes, path))).toEqual([2000, 2000, 2000, 500]);
  expect(paths.map((path) => time(clamped.nodes, path))).toEqual([700, 700, 700, 500]);
  expect([tree.timestamp, clamped.timestamp]).toEqual([2000, 700]);
});

test('nodes are in the order of their bytes', () => {
  const { tree } = assembled(
    pkg('jq', file('usr/\u{1f600}'), file('usr/\uffee'), file('usr/a.b'), file('usr/a/b'), file('usr/Z')),
  );
  const paths = tree.nodes.map(({ path }) => path);

  expect(paths).toEqual([...paths].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
});

test('packages that leave nothing for /usr and /opt make no image', () => {
  expect(refusalOf(pkg('meta', directory('./'), directory('./usr/'), file('./var/x')))).toEqual([
    'the packages hold nothing for /usr or /opt',
  ]);
});

test('every entry that no image may have is named with its package and its reason', () => {
  const evil = pkg(
    'evil',
    file('/etc/passwd'),
    file('../x'),
    file('usr/../../x'),
    file('usr/a\nb'),
    file('usr/\ufffd'),
    file(`usr/${'n'.repeat(256)}`),
    file(`usr/${'d/'.repeat(600)}x`),
    file(''),
    link('usr/nowhere', ''),
    twin('usr/passwd', '/etc/passwd'),
    twin('usr/none', 'usr/other'),
    twin('usr/self', 'usr/self'),
    { name: 'usr/sda', kind: 'block-device', mode: 0o666, mtime: 0 },
    { name: 'usr/null', kind: 'character-device', mode: 0o666, mtime: 0 },
    { name: 'usr/pipe', kind: 'fifo', mode: 0o666, mtime: 0 },
    link('etc', '/elsewhere'),
    file('lib', 'a file'),
    file('usr/good'),
  );

  const facts = refusalOf(evil, pkg('good', file('usr/fine')));
  expect(facts).toHaveLength(17);
  expect(facts.every((fact) => fact.startsWith('evil: '))).toBe(true);
  expect(facts).toEqual(
    expect.arrayContaining([
      'evil: "/etc/passwd" has an absolute name',
      'evil: "../x" leads upwards by ".." in its name',
      'evil: "usr/a\\nb" has a control character in its name',
      'evil: "usr/passwd" is a hard link to "/etc/passwd", which leads out of the package',
      'evil: "usr/self" is a hard link to "usr/self", which is no file of the package',
      'evil: "usr/sda" is a block device',
      'evil: "etc" is not a directory',
    ]),
  );
});

test('nothing lies behind a link or takes the place of a directory, whichever package brings it', () => {
  expect(refusalOf(pkg('evil', link('usr/lib', '/tmp'), file('usr/lib/deep/x')))).toEqual([
    '"usr/lib/deep/x" of evil lies behind "usr/lib", a symbolic link of evil',
  ]);
  expect(refusalOf(pkg('a', link('usr/share/d', '/tmp')), pkg('b', directory('usr/share/d')))).toEqual([
    '"usr/share/d" of b is a directory, and a symbolic link in a',
  ]);
  expect(refusalOf(pkg('a', file('usr/x', '1'), link('usr/lib/tmpfiles.d', '/tmp'), file('etc/x')))).toEqual([
    '"usr/lib/tmpfiles.d/10-jq.conf" of the extension itself lies behind "usr/lib/tmpfiles.d", a symbolic link of the packages',
  ]);
});

test('a package that contradicts itself is refused, one that repeats itself is not', () => {
  expect(refusalOf(pkg('a', file('lib/x', '1'), file('usr/lib/x', '2')))).toEqual([
    '"usr/lib/x" of a is there twice, and not the same',
  ]);
  expect(refusalOf(pkg('a', file('usr/x', '1'), file('./usr//x', '1'), directory('usr'), directory('usr')))).toEqual(
    [],
  );
});

test.each([{ name: 'a/b' }, { imageName: '..' }, { osId: 'a\nVERSION_ID=1' }])(
  'settings that break out: %j',
  (wrong) => {
    expect(() => assemble([pkg('a', file('usr/x'))], { ...settings, ...wrong }, sameContent)).toThrow('cannot be');
  },
);
