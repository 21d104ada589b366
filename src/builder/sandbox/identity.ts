/** Who root is, and other users are, for programs in a sandbox; on this host they are nobody of it. */
export type Identity =
  /** The 65536 users from this number on; nobody else has any of them. */
  | { readonly kind: 'range'; readonly first: number }
  /** Root is the user that we run as; other users come from those that the administrator lets that one have. */
  | { readonly kind: 'own'; readonly others: boolean };

/** What it is decided by. */
export interface OwnRights {
  readonly user: { readonly uid: number; readonly name: string };
  /** /proc/self/uid_map */
  readonly uidMap: string;
  /** /etc/subuid and /etc/subgid (subuid(5)); undefined where there is no newuidmap(1) to use them with. */
  readonly subordinate: readonly string[] | undefined;
}

/**
 * Above what systemd gives to containers, below 2^31: a range that nothing allocates from
 * (https://systemd.io/UIDS-GIDS/, "unused").
 */
const first = 0x71000000;
export const rangeSize = 65_536;

/** @returns undefined where this process, though it is root, has no users to give. */
export function identityFor({ user, uidMap, subordinate }: OwnRights): Identity | undefined {
  if (user.uid === 0) return mapsRange(uidMap) ? { kind: 'range', first } : undefined;
  const owners = new Set([user.name, String(user.uid)]);
  const hasRange = (text: string) => text.split('\n').some((line) => owners.has(line.split(':')[0] ?? ''));
  // unshare(1) asks for the name as well.
  return { kind: 'own', others: user.name !== '' && (subordinate?.every(hasRange) ?? false) };
}

/** Whether our own user namespace has the range: that of a container may have few. */
function mapsRange(uidMap: string): boolean {
  return uidMap.split('\n').some((line) => {
    const [inside = NaN, , count = 0] = line.trim().split(/\s+/).map(Number);
    return inside <= first && inside + count >= first + rangeSize;
  });
}

/** The user of this host that root in a sandbox is. */
export function rootOf(identity: Identity, ownUid: number): number {
  return identity.kind === 'range' ? identity.first : ownUid;
}
