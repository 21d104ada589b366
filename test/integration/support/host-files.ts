import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';

/** What lies in the file system of a machine, read from outside: `inside` is its root as its processes see it. */

interface Entry {
  /** As the machine names it. */
  readonly path: string;
  readonly stats: Stats;
}

/** A line for each file and directory below these: kind, mode, owner, inode, and of files their digest too. */
export function filesBelow(inside: string, directories: readonly string[]): string[] {
  return directories
    .flatMap((directory) => [...entryAt(inside, directory), ...entriesBelow(inside, directory)])
    .map((entry) => {
      const { path, stats } = entry;
      const digest = stats.isFile() ? digestOf(readFileSync(join(inside, path))) : '';
      return [line(inside, entry), `${stats.uid}:${stats.gid}`, stats.ino, digest].join(' ');
    });
}

/** A digest of all that can be seen in /usr, and the names there and elsewhere that only last while something is written. */
export function wholeHost(inside: string): { readonly digest: string; readonly temporary: string[] } {
  const usr = entriesBelow(inside, '/usr');
  const others = ['/etc', '/opt', '/root', '/run', '/tmp', '/var'].flatMap((top) => entriesBelow(inside, top));
  const seen = usr.filter(({ path }) => !path.startsWith('/usr/.systemd-sysext'));
  const isTemporary = ({ path }: Entry) => /\/\.#[^/]*$/.test(path);
  return {
    digest: digestOf(seen.map((entry) => line(inside, entry)).join('\n')),
    temporary: [...others, ...usr].filter(isTemporary).map(({ path }) => path),
  };
}

/** Place, root, options, type and source of every mount, but not the numbers, which each mount and loop device has anew. */
export function mountsOf(inside: string): string[] {
  const table = readFileSync(join(dirname(inside), 'mountinfo'), 'utf8')
    .trimEnd()
    .split('\n');
  return table
    .map((mount) =>
      mount
        .split(' ')
        .slice(3)
        .join(' ')
        .replaceAll(/\b(master|shared|propagate_from):\d+ /g, '')
        .replace(/ \/dev\/loop\d+ /, ' /dev/loop '),
    )
    .sort();
}

/** Everything below a directory, in the order of names; what goes away meanwhile is not there. */
function entriesBelow(inside: string, directory: string): Entry[] {
  // Where systemd keeps what it does, names come and go by themselves.
  if (directory === '/run/systemd') return [];
  return namesIn(join(inside, directory)).flatMap((name) =>
    entryAt(inside, `${directory}/${name}`).flatMap((entry) =>
      entry.stats.isDirectory() ? [entry, ...entriesBelow(inside, entry.path)] : [entry],
    ),
  );
}

function entryAt(inside: string, path: string): Entry[] {
  const stats = lstatSync(join(inside, path), { throwIfNoEntry: false });
  return stats === undefined ? [] : [{ path, stats }];
}

function namesIn(directory: string): string[] {
  // Not what a link leads to, which may be a directory of this host.
  if (lstatSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  try {
    return readdirSync(directory).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Name, kind and mode; of all but directories size, time, and where a link leads. */
function line(inside: string, { path, stats }: Entry): string {
  const { mode, size, mtimeMs } = stats;
  const target = stats.isSymbolicLink() ? readlinkSync(join(inside, path)) : '';
  return [path, mode.toString(8), ...(stats.isDirectory() ? [] : [size, mtimeMs, target])].join(' ');
}

function digestOf(bytes: string | Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
