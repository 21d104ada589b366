import { dirname } from 'node:path';

import { AgentError } from '../core/errors.ts';
import { sysext, type ExtensionClass } from '../core/extension-class.ts';
import { parseSystemdVersion, type SystemdVersion } from '../core/systemd-version.ts';
import { findProgram, runOk, type Exec, type ExecResult } from '../host/exec.ts';
import { fileStatus, makeDirectory, readTextIfAny, writeInPlace } from '../host/files.ts';
import { parseList, parseOptions, parseStatus, type HierarchyStatus, type InstalledImage } from './sysext-output.ts';

/** The operations of systemd-sysext(8) that change what is merged. */
export type MergeVerb = 'merge' | 'unmerge' | 'refresh';

/** Options of systemd-sysext(8), with the same meaning. */
export interface MergeOptions {
  readonly force?: boolean;
  readonly noReload?: boolean;
  readonly alwaysRefresh?: boolean;
  /** Whether the manager is reloaded afterwards by someone else, so that a tool that would do it itself must not. */
  readonly reloadedLater?: boolean;
  /** How long it may take, in seconds; 300 unless given. */
  readonly timeLimit?: number;
}

/** What the installed tool is and which options it has. */
export interface ToolFeatures {
  readonly version: SystemdVersion;
  readonly options: readonly string[];
}

/** How long one operation may take, in seconds. An image on a slow disk takes a tenth of a second. */
const usualTimeLimit = 300;

/** Drives the real systemd-sysext, or systemd-confext, below one root directory. */
export interface SysextTool {
  /** What it merges. */
  readonly extensionClass: ExtensionClass;
  /**
   * The version and options of the installed tool; asked once per installed file, then remembered.
   * @throws AgentError `tool-missing` where there is none, or one that is too old.
   */
  features(): Promise<ToolFeatures>;
  /**
   * Runs one operation and returns what the tool said. It is not stopped half-way, unless it takes too long. Before 256
   * its exit code proves nothing: read back.
   */
  run(verb: MergeVerb, options?: MergeOptions): Promise<ExecResult>;
  status(): Promise<HierarchyStatus[]>;
  list(): Promise<InstalledImage[]>;
}

/**
 * @param root the directory that stands for `/`, as with --root=.
 * @param memory a file where the features are remembered between calls.
 */
export function createSysextTool(
  exec: Exec,
  root: string,
  memory: string,
  extensionClass: ExtensionClass = sysext,
): SysextTool {
  const { program } = extensionClass;
  const features = () => rememberedFeatures(exec, memory, extensionClass);
  const below = root === '/' ? [] : [`--root=${root}`];
  const ask = (verb: string) => runOk(exec, program, [verb, '--json=short', '--no-pager', ...below]);
  return {
    extensionClass,
    features,
    run: async (verb, options = {}) => {
      const { options: known } = await features();
      // Where systemd does not run there is nothing to reload, and from 255 on the attempt would be a failure.
      const spared = (!systemdRuns() || options.reloadedLater === true) && known.includes('--no-reload');
      const noReload = options.noReload === true || spared;
      const { timeLimit = usualTimeLimit } = options;
      return exec.run(program, mergeArguments(verb, root, { ...options, noReload }, known), {
        shielded: true,
        timeLimit,
      });
    },
    status: async () => parseStatus(await ask('status')),
    list: async () => parseList(await ask('list')),
  };
}

/** Whether systemd is the init of this host (sd_booted(3)). */
export function systemdRuns(): boolean {
  return fileStatus('/run/systemd/system')?.isDirectory() === true;
}

/**
 * The arguments of one operation.
 * @param known the options that the installed tool has; `--always-refresh=` is left out where an older tool always refreshes.
 * @throws AgentError `usage` for an option that the tool has not.
 */
export function mergeArguments(
  verb: MergeVerb,
  root: string,
  options: MergeOptions,
  known: readonly string[],
): string[] {
  if (options.noReload === true && !known.includes('--no-reload')) {
    throw new AgentError('usage', 'the systemd-sysext of this host has no --no-reload', {
      next: 'It came with systemd 255.',
    });
  }
  return [
    verb,
    '--no-pager',
    ...(root === '/' ? [] : [`--root=${root}`]),
    ...(options.force === true ? ['--force'] : []),
    ...(options.noReload === true ? ['--no-reload'] : []),
    ...(options.alwaysRefresh === true && known.includes('--always-refresh') ? ['--always-refresh=yes'] : []),
  ];
}

/** The features of the installed file, from memory while that file is the same one. */
async function rememberedFeatures(exec: Exec, memory: string, extensionClass: ExtensionClass): Promise<ToolFeatures> {
  const { program, since } = extensionClass;
  const identity = identityOfTool(extensionClass);
  const remembered = recall(memory, identity);
  if (remembered !== undefined) return remembered;
  const [versionText, help] = await Promise.all([
    runOk(exec, program, ['--version']),
    runOk(exec, program, ['--help']),
  ]);
  const version = parseSystemdVersion(versionText);
  if (version === undefined || version.major < since) {
    throw new AgentError(
      'tool-missing',
      `this host's ${program} is not one we know: ${versionText.split('\n', 1)[0] ?? ''}`,
      {
        next: `systemd ${since} or later is needed.`,
      },
    );
  }
  const features = { version, options: parseOptions(help) };
  remember(memory, identity, features);
  return features;
}

/**
 * Where the installed tool is.
 * @throws AgentError `tool-missing` where there is none.
 */
export function pathOfTool(extensionClass: ExtensionClass): string {
  const path = findProgram(extensionClass.program);
  if (path === undefined) throw missing(extensionClass);
  return path;
}

function missing({ program, since }: ExtensionClass): AgentError {
  return new AgentError('tool-missing', `this host has no ${program}`, {
    next: `systemd ${since} or later brings it; some distributions ship it as the package systemd-sysext or systemd-container.`,
  });
}

/** Not by device and inode: with something merged, the same file is seen through an overlay of its own numbers. */
function identityOfTool(extensionClass: ExtensionClass): string {
  const path = pathOfTool(extensionClass);
  const status = fileStatus(path);
  if (status === undefined) throw missing(extensionClass);
  return [path, status.size, status.mtimeMs, status.ctimeMs].join(' ');
}

interface Remembered extends ToolFeatures {
  readonly identity: string;
}

function recall(memory: string, identity: string): ToolFeatures | undefined {
  const text = readTextIfAny(memory);
  if (text === undefined) return undefined;
  try {
    const remembered = JSON.parse(text) as Remembered;
    return remembered.identity === identity ? remembered : undefined;
  } catch {
    // Another process is just writing it, or was killed while it did.
    return undefined;
  }
}

/** Users other than root read without remembering. */
function remember(memory: string, identity: string, features: ToolFeatures): void {
  if (process.getuid?.() !== 0) return;
  makeDirectory(dirname(memory));
  writeInPlace(memory, JSON.stringify({ identity, ...features }));
}
