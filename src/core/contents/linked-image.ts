import type { Architecture } from '../architecture.ts';
import type { ElfFacts } from '../elf/facts.ts';
import type { ElfReading } from '../elf/read.ts';

/** What the files of an image need to be loaded, as data that can be kept beside it. */
export interface LinkedImage {
  /** Programs and libraries by their paths: absolute, as they lie in the image. */
  readonly objects: ReadonlyMap<string, ElfFacts>;
  /** ELF files that no loader takes, and why. */
  readonly damaged: ReadonlyMap<string, string>;
  /** Symbolic links by their absolute paths. */
  readonly links: ReadonlyMap<string, string>;
  /** Everything else that is there and hides what the host has at its path: other files, and directories. */
  readonly others: ReadonlySet<string>;
}

/** What a host has for the programs of an image: files as ld.so finds them. Paths are absolute, as the host sees them. */
export interface HostLibraries {
  readonly architecture: Architecture;
  /** The directories of ld.so.conf, in its order. */
  readonly configured: readonly string[];
  /** Subdirectories for the CPU of this host, the best first: `glibc-hwcaps/x86-64-v3`. */
  readonly capabilities: readonly string[];
  /** Where the symbolic link at a path leads; undefined for what is none. */
  linkTarget(path: string): string | undefined;
  /** What is at a path that has no symbolic link in it; undefined where it is no program or library. */
  facts(path: string): ElfFacts | undefined;
}

/** An entry of an image, its path relative to the root. */
export interface LinkedEntry {
  readonly path: string;
  readonly kind: string;
  readonly target?: string;
}

/**
 * Collects what counts of the entries of an image.
 * @param read looks into a regular file (`kind: 'file'`); undefined where it cannot be read.
 */
export function readLinkedImage(
  entries: Iterable<LinkedEntry>,
  read: (path: string) => ElfReading | undefined,
): LinkedImage {
  const objects = new Map<string, ElfFacts>();
  const damaged = new Map<string, string>();
  const links = new Map<string, string>();
  const others = new Set<string>();
  for (const { path, kind, target } of entries) {
    const absolute = `/${path}`;
    const reading = kind === 'file' ? read(path) : undefined;
    if (kind === 'symlink' && target !== undefined) links.set(absolute, target);
    else if (reading?.kind === 'object') objects.set(absolute, reading.facts);
    else others.add(absolute);
    if (reading?.kind === 'damaged') damaged.set(absolute, reading.why);
  }
  return { objects, damaged, links, others };
}

/** The same as text, to be kept. */
export function formatLinkedImage({ objects, damaged, links, others }: LinkedImage): string {
  return JSON.stringify({ objects: [...objects], damaged: [...damaged], links: [...links], others: [...others] });
}

/** Reads what formatLinkedImage() wrote. */
export function parseLinkedImage(text: string): LinkedImage {
  const { objects, damaged, links, others } = JSON.parse(text) as Record<
    'objects' | 'damaged' | 'links' | 'others',
    []
  >;
  return { objects: new Map(objects), damaged: new Map(damaged), links: new Map(links), others: new Set(others) };
}
