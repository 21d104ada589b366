import type { Position } from '../../core/problems.ts';
import type { Environment, Mount, Text } from './sources.ts';

/** A test of the package in a container. */
export interface SpecTest {
  readonly position: Position;
  readonly name: string;
  readonly dir: string;
  readonly mounts: readonly Mount[];
  readonly env: Environment;
  readonly steps: readonly TestStep[];
  readonly files: readonly FileTest[];
}

export interface TestStep {
  readonly position: Position;
  /** Split into words as a shell does, but run without one. */
  readonly command: string;
  readonly env: Environment;
  readonly stdin: Text | undefined;
  readonly stdout: OutputCheck;
  readonly stderr: OutputCheck;
}

/** What must be true of some text; a check that the spec does not give is undefined or an empty list. */
export interface OutputCheck {
  readonly equals: Text | undefined;
  readonly contains: readonly Text[];
  /** Regular expressions of RE2. */
  readonly matches: readonly Text[];
  readonly startsWith: Text | undefined;
  readonly endsWith: Text | undefined;
  readonly empty: boolean;
}

export interface FileCheck extends OutputCheck {
  readonly permissions: number | undefined;
  readonly isDirectory: boolean;
  readonly notExist: boolean;
  readonly noFollow: boolean;
  readonly linkTarget: string;
}

export interface FileTest {
  readonly path: Text;
  readonly check: FileCheck;
}
