import { AgentError } from '../../core/errors.ts';
import { quote } from '../../core/yaml/text.ts';
import type { Text } from '../spec/sources.ts';
import { resolvedIn } from '../tree/container-tree.ts';
import type { SoundEntry } from '../tree/judge.ts';
import { selected, type Selection } from './selection.ts';

/** Which files of a directory a source takes. */
export interface Part extends Selection {
  readonly path: Text | undefined;
}

/**
 * The part of a tree that a source takes, with paths relative to that: of a directory what is in it; a file or link under its
 * own name.
 * @throws AgentError `no-such-file` where the tree has no such path.
 */
export function partOf(
  name: string,
  nodes: readonly SoundEntry[],
  { path, ...selection }: Part,
): readonly SoundEntry[] {
  const entries = new Map(nodes.map((node) => [node.path, node]));
  const top = resolvedIn(entries, path?.value ?? '');
  if (top === '') return selected(nodes, selection);
  const found = entries.get(top);
  const below = nodes.filter((node) => node.path.startsWith(`${top}/`));
  if (found === undefined && below.length === 0) throw notThere(name, path?.value ?? '');
  if (found !== undefined && found.kind !== 'directory') {
    return selected([{ ...found, path: top.slice(top.lastIndexOf('/') + 1) }], selection);
  }
  return selected(
    below.map((node) => ({ ...node, path: node.path.slice(top.length + 1) })),
    selection,
  );
}

function notThere(name: string, path: string): AgentError {
  return new AgentError('no-such-file', `the source ${quote(name)} has no ${quote(path)}`, {
    left: 'Nothing was built.',
    next: 'Correct the path of the source in the spec.',
  });
}
