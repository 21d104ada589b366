/** A commit, and how it was found. */
export interface FoundCommit {
  readonly commit: string;
  /** `refs/tags/v1`; undefined where the id itself was asked for. */
  readonly ref?: string;
  /** The id of the annotated tag that leads to it. */
  readonly tag?: string;
}

/** Whether a text is the whole id of a commit (of SHA-1 or SHA-256). */
export function isCommitId(text: string): boolean {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text);
}

/** The names that a server is asked for when someone asks for a branch, a tag or a ref. */
export function namePatterns(wanted: string): readonly string[] {
  return [wanted, `${wanted}^{}`];
}

/**
 * What a branch, a tag or a ref stands for, by the names that a server has: a branch before a tag of the same name, as
 * git and BuildKit have it; of an annotated tag the commit that it leads to.
 */
export function chooseName(wanted: string, names: ReadonlyMap<string, string>): FoundCommit | undefined {
  const whole = wanted === 'HEAD' || wanted.startsWith('refs/') ? [wanted] : [];
  for (const ref of [`refs/heads/${wanted}`, ...whole, `refs/tags/${wanted}`]) {
    const [id, peeled] = [names.get(ref), names.get(`${ref}^{}`)];
    if (id !== undefined) return peeled === undefined ? { commit: id, ref } : { commit: peeled, ref, tag: id };
  }
  return undefined;
}

/** Whether a commit is the one that a checksum says: an id, or how one begins, of the commit or of its tag. */
export function hasChecksum({ commit, tag }: FoundCommit, checksum: string): boolean {
  return [commit, tag].some((id) => id?.startsWith(checksum.toLowerCase()) === true) && checksum.length >= 7;
}

/**
 * Of what was found what has to be proven: that the tag leads to the commit, where the checksum is that of the tag. Which
 * commit that is the server alone has said.
 */
export function toProve(found: FoundCommit, checksum: string): FoundCommit {
  const { tag, ...rest } = found;
  return tag === undefined || checksum === '' || hasChecksum(rest, checksum) ? rest : found;
}
