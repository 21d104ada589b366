import type { Position } from '../../core/problems.ts';
import type { ImageSource, Text } from './sources.ts';

/** How a container is made of the package. Text that the spec does not give is empty. */
export interface ContainerImage {
  readonly position: Position;
  readonly entrypoint: string;
  readonly cmd: string;
  /** `KEY=VALUE` each. */
  readonly env: readonly string[];
  readonly labels: ReadonlyMap<string, Text>;
  readonly volumes: readonly string[];
  readonly workingDirectory: string;
  readonly stopSignal: string;
  readonly user: string;
  /** What it begins with; undefined where the spec says nothing. `image.base` is one of these too. */
  readonly bases: readonly ImageSource[] | undefined;
  readonly post: { readonly symlinks: readonly ImageSymlinks[] } | undefined;
}

/** Links that all lead to one target. */
export interface ImageSymlinks {
  readonly target: Text;
  readonly paths: readonly string[];
  readonly user: string;
  readonly group: string;
}
