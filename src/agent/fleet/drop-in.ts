import type { DeclaredCheck } from '../../core/health.ts';
import type { ImageReference } from '../../core/image-reference.ts';
import type { Located } from '../../core/problems.ts';
import type { VersionRange } from '../../core/version-range.ts';
import type { Value } from '../../core/yaml/tree.ts';

/** Where the image of an extension comes from. */
export type ExtensionSource =
  | { readonly kind: 'spec'; readonly path: string }
  /** A spec that stands in the drop-in itself; not decoded yet. */
  | { readonly kind: 'inline-spec'; readonly spec: Value }
  /** A raw file or a directory. */
  | { readonly kind: 'image'; readonly path: string }
  | { readonly kind: 'reference'; readonly reference: ImageReference };

/** What a drop-in says of one extension, or all of them together: each with the place where it is said. */
export interface FleetEntry {
  readonly source?: Located<ExtensionSource>;
  readonly version?: Located<VersionRange>;
  /** The build target of a spec. */
  readonly target?: Located<string>;
  /** Build arguments of a spec. */
  readonly args?: ReadonlyMap<string, Located<string>>;
  /** Names of rules. */
  readonly allow?: Located<readonly string[]>;
  readonly health?: Located<readonly DeclaredCheck[]>;
  readonly hold?: Located<boolean>;
  readonly state?: Located<ExtensionState>;
}

export const extensionStates = ['present', 'absent'] as const;

export type ExtensionState = (typeof extensionStates)[number];

/** What one drop-in says of one extension. */
export interface NamedEntry {
  readonly name: Located<string>;
  readonly entry: FleetEntry;
}
