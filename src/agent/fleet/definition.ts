import { referenceText } from '../../core/image-reference.ts';
import { flowText } from '../../core/yaml/flow.ts';
import type { Wish } from './configuration.ts';
import type { ExtensionSource } from './drop-in.ts';

/**
 * What the image of an extension is made of, as a text: where it differs another image is wanted. It does not say what the
 * files held that it names.
 */
export function definitionOf({ source, target, args }: Wish): string {
  const sorted = Object.entries(args).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([source.kind, sourceText(source), target ?? null, sorted]);
}

/** A source in one line: a path, a reference, or a spec as YAML. */
export function sourceText(source: ExtensionSource): string {
  switch (source.kind) {
    case 'spec':
    case 'image':
      return source.path;
    case 'inline-spec':
      return flowText(source.spec);
    case 'reference':
      return referenceText(source.reference);
  }
}
