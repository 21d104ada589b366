import { join } from 'node:path';

import type { SymlinkNode, Tree } from '../../core/tree.ts';
import { AgentError } from '../../core/errors.ts';
import { fileStatus, linkStatus, listNames, makeDirectory, readBytes } from '../../host/files.ts';
import { belowRoot, linkTarget } from '../../host/root.ts';
import { writeTree } from '../../host/tree-writer.ts';
import type { SoundEntry } from '../tree/judge.ts';
import { treeOf } from '../tree/merge.ts';
import { etcDirectory } from '../tree/relocate.ts';
import type { TestBench, TestedTree } from './run.ts';

/** What of a host is looked at for the tree of a merge. */
interface MergedOn {
  /** The directory that stands for `/`. */
  readonly root: string;
  /** The name of the extension. */
  readonly name: string;
  readonly image: Tree;
}

/** What a merge adds to: the hierarchies of systemd-sysext(8). */
const hierarchies = ['usr', 'opt'] as const;

/** What hosts with merged /usr have as links at the top. */
const topLinks = ['bin', 'sbin', 'lib', 'lib64', 'lib32', 'libx32'] as const;

/**
 * The tree as programs would see it if the image were merged on this host now: its /usr and /opt over those of the host,
 * and of all else only what programs cannot do without.
 * @throws AgentError `no-such-file` where the host has no /usr.
 */
export async function mergedTree(bench: TestBench, { root, name, image }: MergedOn): Promise<TestedTree> {
  const [base, brought] = [`${bench.directory}/base`, `${bench.directory}/image`];
  for (const directory of [base, brought]) makeDirectory(directory);
  writeTree(base, treeOf([...baseEntries(root), ...copiedEtc(image, name)], image.timestamp));
  writeTree(brought, image);
  for (const directory of [base, brought]) await bench.sandbox.adoptLayer(directory);
  return { lower: [base], overlays: overlaysOf(root, brought) };
}

function overlaysOf(root: string, brought: string): NonNullable<TestedTree['overlays']> {
  if (!isDirectory(belowRoot(root, '/usr'))) {
    throw new AgentError('no-such-file', `there is no /usr below ${root} that an image could be merged over`, {
      left: 'Nothing was built.',
      next: 'Test in the root of the target instead, with --test=target.',
    });
  }
  const merged = hierarchies.map((name) => ({
    at: `/${name}`,
    lower: [belowRoot(root, `/${name}`), join(brought, name)].filter(isDirectory),
  }));
  // Where /bin is a directory of its own, no merge changes it.
  const apart = topLinks.map((name) => ({ at: `/${name}`, lower: [join(root, name)].filter(isRealDirectory) }));
  return [...merged, ...apart].filter(({ lower }) => lower.length > 0);
}

function isDirectory(path: string): boolean {
  return fileStatus(path)?.isDirectory() === true;
}

function isRealDirectory(path: string): boolean {
  return linkStatus(path)?.isDirectory() === true;
}

/** All but /usr and /opt: empty directories, and what the C library and the loader read. */
function baseEntries(root: string): readonly SoundEntry[] {
  const links = topLinks.flatMap((name) => {
    const target = linkTarget(join(root, name));
    return target === undefined ? [] : [link(name, target)];
  });
  const places = topLinks.filter((name) => isRealDirectory(join(root, name)));
  return [
    ...links,
    ...[...places, ...emptyDirectories].map((path) => directory(path)),
    ...['tmp', 'var/tmp'].map((path) => directory(path, 0o1777)),
    directory('root', 0o700),
    ...Object.entries(etcFiles).map(([path, text]) => file(`etc/${path}`, text)),
    link('etc/os-release', '../usr/lib/os-release'),
    link('etc/mtab', '../proc/self/mounts'),
    ...loaderFiles(root),
    ...alternatives(root),
  ];
}

const emptyDirectories = ['dev', 'etc', 'home', 'mnt', 'opt', 'proc', 'run', 'srv', 'sys', 'usr', 'var', 'var/lib'];

const etcFiles = {
  passwd: 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n',
  group: 'root:x:0:\nnogroup:x:65534:\n',
  hosts: '127.0.0.1 localhost\n::1 localhost\n',
  'nsswitch.conf': 'passwd: files\ngroup: files\nshadow: files\nhosts: files\n',
} as const;

/** Where the loader finds libraries (ld.so(8)). */
function loaderFiles(root: string): readonly SoundEntry[] {
  const configured = listNames(belowRoot(root, '/etc/ld.so.conf.d')).map((name) => `ld.so.conf.d/${name}`);
  return ['ld.so.cache', 'ld.so.conf', ...configured].flatMap((name) => {
    const path = belowRoot(root, `/etc/${name}`);
    return fileStatus(path)?.isFile() === true ? [file(`etc/${name}`, readBytes(path))] : [];
  });
}

/** Programs in /usr may be links that lead through here (update-alternatives(1)). */
function alternatives(root: string): readonly SoundEntry[] {
  const directory = belowRoot(root, '/etc/alternatives');
  return listNames(directory).flatMap((name) => {
    const target = linkTarget(join(directory, name));
    return target?.startsWith('/usr/') === true ? [link(`etc/alternatives/${name}`, target)] : [];
  });
}

/** What systemd-tmpfiles would copy to /etc: it comes after our own, as the host would have none of it. */
function copiedEtc({ nodes }: Tree, name: string): readonly SoundEntry[] {
  const kept = `${etcDirectory(name)}/`;
  return nodes.flatMap((node) => {
    if (!node.path.startsWith(kept) || node.kind === 'hardlink') return [];
    return [{ ...node, path: `etc/${node.path.slice(kept.length)}` }];
  });
}

function directory(path: string, mode = 0o755): SoundEntry {
  return { kind: 'directory', path, mode, mtime: 0 };
}

function link(path: string, target: string): SymlinkNode {
  return { kind: 'symlink', path, target, mtime: 0 };
}

function file(path: string, content: string | Uint8Array): SoundEntry {
  return { kind: 'file', path, mode: 0o644, mtime: 0, content: { kind: 'bytes', bytes: Buffer.from(content) } };
}

/** What the tree of a merge depends on besides the image: the system of the host, and when programs were last put there. */
export function hostState(root: string): readonly unknown[] {
  const release = belowRoot(root, '/usr/lib/os-release');
  const places = ['/usr/bin', '/usr/sbin', '/usr/lib', '/usr/lib64', '/opt', '/etc/ld.so.cache'];
  const databases = ['/var/lib/dpkg/status', '/usr/lib/sysimage/rpm', '/var/lib/rpm'];
  return [
    fileStatus(release)?.isFile() === true ? readBytes(release).toString('utf8') : '',
    ...[...places, ...databases].map((path) => {
      const status = fileStatus(belowRoot(root, path));
      return status === undefined ? null : [status.dev, status.ino, status.mtimeMs, status.size];
    }),
  ];
}
