import type { Located, Position } from '../../core/problems.ts';

/** Text of a spec with its place: most of it is expanded by build arguments, which can fail. */
export type Text = Located<string>;

/** Environment variables by their names. */
export type Environment = ReadonlyMap<string, Text>;

/** What every source has, whatever it is. */
interface SourceCommon {
  /** Where the spec begins to describe it. */
  readonly position: Position;
  /** The part of the source that is meant. */
  readonly path: Text | undefined;
  /** Globs relative to `path`. */
  readonly includes: readonly Text[];
  readonly excludes: readonly Text[];
  readonly generators: readonly Generator[];
}

/** A file from the web, named as the source is. */
export interface HttpSource extends SourceCommon {
  readonly kind: 'http';
  readonly url: Text;
  /** `sha256:` and hexadecimal digits, or another algorithm. */
  readonly digest: Text | undefined;
  readonly permissions: number | undefined;
}

export interface GitSource extends SourceCommon {
  readonly kind: 'git';
  readonly url: Text;
  /** A commit, a tag or another ref. */
  readonly commit: Text;
  readonly checksum: Text | undefined;
  readonly keepGitDir: boolean;
  /** Names of build secrets. */
  readonly auth: { readonly header: string; readonly token: string; readonly ssh: string };
}

/** A directory of the host that builds: `context` is the main one. */
export interface ContextSource extends SourceCommon {
  readonly kind: 'context';
  readonly name: Text;
}

/** Files of a container image, after some commands where there are any. */
export interface ImageSource extends SourceCommon {
  readonly kind: 'image';
  readonly ref: Text;
  readonly command: ImageCommand | undefined;
}

export interface ImageCommand {
  readonly dir: string;
  readonly mounts: readonly Mount[];
  readonly env: Environment;
  readonly steps: readonly Step[];
}

/** A file or a directory that is written into the spec. */
export interface InlineSource extends SourceCommon {
  readonly kind: 'inline';
  readonly content: InlineFile | InlineDirectory;
}

export interface InlineFile {
  readonly kind: 'file';
  readonly contents: string;
  /** The bits of chmod; 0644 where the spec says nothing. */
  readonly permissions: number;
  readonly uid: number;
  readonly gid: number;
}

export interface InlineDirectory {
  readonly kind: 'directory';
  /** By name; there are no directories inside. */
  readonly files: ReadonlyMap<string, InlineFile>;
  /** 0755 where the spec says nothing. */
  readonly permissions: number;
  readonly uid: number;
  readonly gid: number;
}

/** What building a Dockerfile gives. */
export interface DockerSource extends SourceCommon {
  readonly kind: 'build';
  readonly source: Source;
  readonly dockerfilePath: Text | undefined;
  readonly target: Text | undefined;
  readonly args: ReadonlyMap<string, string>;
}

export type Source = HttpSource | GitSource | ContextSource | ImageSource | InlineSource | DockerSource;

/** Whether a source is one file, named as the source is; every other one is a directory. */
export function isFileSource(source: Source): boolean {
  return source.kind === 'http' || (source.kind === 'inline' && source.content.kind === 'file');
}

/** A source that commands find at an absolute path. */
export interface Mount {
  readonly dest: Text;
  readonly spec: Source;
}

/** A script of the shell. */
export interface Step {
  readonly position: Position;
  readonly command: string;
  readonly env: Environment;
  readonly mounts: readonly Mount[];
}

/** What fetches the libraries that a source names, for a build without network. */
export type Generator = GomodGenerator | CargoGenerator | PipGenerator | NodeGenerator;

interface GeneratorCommon {
  readonly position: Position;
  readonly subpath: string;
  readonly paths: readonly string[];
}

export interface GomodGenerator extends GeneratorCommon {
  readonly kind: 'gomod';
  readonly auth: readonly GomodAuth[];
  readonly edits: { readonly replace: readonly GomodReplace[]; readonly drop: readonly string[] };
}

/** Names of build secrets for one host. */
export interface GomodAuth {
  readonly host: Text;
  readonly token: string;
  readonly header: string;
  readonly ssh: { readonly id: string; readonly username: string } | undefined;
}

export interface GomodReplace {
  readonly old: string;
  readonly new: string;
}

export interface CargoGenerator extends GeneratorCommon {
  readonly kind: 'cargohome';
}

export interface PipGenerator extends GeneratorCommon {
  readonly kind: 'pip';
  readonly requirementsFile: string;
  readonly indexUrl: string;
  readonly extraIndexUrls: readonly string[];
}

export interface NodeGenerator extends GeneratorCommon {
  readonly kind: 'nodemod';
  readonly registry: string;
}

/** A patch for a source: another source, or a file of it. */
export interface Patch {
  readonly position: Position;
  /** The name of the source that has it. */
  readonly source: Text;
  readonly path: Text | undefined;
  /** How many leading parts of its paths are left out. */
  readonly strip: number;
}
