import { AgentError } from '../core/errors.ts';
import type { Partition } from '../host/gpt.ts';
import type { ImageTree } from './image-tree.ts';

/** The partition of a disk image that is an extension, and the hierarchy that it is mounted on: none for the root. */
export interface ChosenPartition {
  readonly partition: Partition;
  readonly mountedOn: '' | 'usr';
}

/** The second architecture that a host of the first runs, whose partitions systemd takes where there are no other. */
const secondary: Readonly<Record<string, string>> = { 'x86-64': 'x86', arm64: 'arm', 'ppc64-le': 'ppc64' };

/**
 * The partition that systemd takes of a disk image (systemd-dissect(1), UAPI.2).
 * @param architecture this host's, in systemd's spelling.
 * @returns undefined where there are several that it has to choose from or to put together.
 * @throws AgentError `invalid-image` where there is none.
 */
export function choosePartition(
  name: string,
  partitions: readonly Partition[],
  architecture: string,
): ChosenPartition | undefined {
  const usable = partitions.filter(({ passedOver }) => !passedOver);
  for (const candidate of [architecture, secondary[architecture] ?? architecture]) {
    const found = usable.filter(({ type }) => type === `root-${candidate}` || type === `usr-${candidate}`);
    const [partition, other] = found;
    if (other !== undefined) return undefined;
    if (partition !== undefined) return { partition, mountedOn: partition.type.startsWith('usr-') ? 'usr' : '' };
  }
  const [generic, other] = usable.filter(({ type }) => type === 'linux-generic');
  if (generic !== undefined && other === undefined) return { partition: generic, mountedOn: '' };
  throw new AgentError('invalid-image', `${name} has no partition for an extension on ${architecture}`, {
    facts: partitions.length === 0 ? ['it has no partition'] : partitions.map(({ type }) => `it has: ${type}`),
    next: `systemd takes partitions of the types root-${architecture} and usr-${architecture}.`,
  });
}

/** The tree of a partition that is mounted on /usr, as a tree of everything. */
export function mountedOnUsr(inner: ImageTree): ImageTree {
  const inside = (path: string) => (path === 'usr' ? '' : path.startsWith('usr/') ? path.slice(4) : undefined);
  const without = (paths: readonly string[]) => paths.map((path) => inside(path) ?? path);
  const under = <T>(read: ReadonlyMap<string, T>) => new Map([...read].map(([path, value]) => [`usr/${path}`, value]));
  const listed = (entries: ReturnType<ImageTree['list']>) => [
    usr,
    ...entries.map((entry) => ({ ...entry, path: `usr/${entry.path}` })),
  ];
  return {
    format: inner.format,
    entryAt: (path) => {
      const place = inside(path);
      if (path === '') return { kind: 'directory', size: 0 };
      return place === undefined ? undefined : inner.entryAt(place);
    },
    namesIn: (path) => {
      const place = inside(path);
      if (path === '') return ['usr'];
      return place === undefined ? [] : inner.namesIn(place);
    },
    readReleases: async (paths) => under(await inner.readReleases(without(paths))),
    readFiles: async (paths, use) =>
      under(await inner.readFiles(without(paths), (file, path) => use(file, `usr/${path}`))),
    list: () => listed(inner.list()),
    listWithCapabilities: async () => listed(await inner.listWithCapabilities()),
  };
}

/** What the partition is mounted on, of which its own root says nothing. */
const usr = { path: 'usr', kind: 'directory', mode: 0o755, uid: 0, gid: 0, size: 0, mtime: 0 } as const;
