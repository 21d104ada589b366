import { keyEndings, rootEnding } from '../../core/trust-rules.ts';
import { checkedBytes, type CheckedBytes } from '../../host/checked-drop-ins.ts';

/** The key files of this host, by their names. */
export type KeyRing = ReadonlyMap<string, CheckedBytes>;

/**
 * Reads the files of the `keys` directories by systemd's rules of drop-ins: of the same name the one in the earliest
 * directory counts, and an empty one or a link to /dev/null takes the others out, which revokes a key that comes with a
 * package. Files count that belong to root and that nobody else can write, in such a directory.
 * @param directories below the root, the one that counts most first.
 */
export function readKeyRing(directories: readonly string[], root: string): KeyRing {
  const endings = [...Object.keys(keyEndings), rootEnding];
  const files = endings.flatMap((suffix) => checkedBytes(directories, { root, suffix, trusted: true }));
  return new Map(files.map((file) => [file.name, file]));
}
