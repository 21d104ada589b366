import { basename, dirname, join } from 'node:path';

import { dropInNames, fleetRules } from '../agent/fleet/configuration.ts';
import { fleetDirectories } from '../agent/configuration-directories.ts';
import { AgentError } from '../core/errors.ts';
import { checkedDropIns, checkedFile, type CheckedDropIns, type DropInRules } from '../host/checked-drop-ins.ts';
import { fileStatus } from '../host/files.ts';
import { targetDirectories } from './build-host.ts';

/** The files of a configuration. */
export interface ConfigurationFiles {
  /** `agent.yml` and those of `agent.d`. */
  readonly settings: CheckedDropIns;
  /** Those of `extensions.d`. */
  readonly fleet: CheckedDropIns;
  /** Directories with targets, highest precedence first. */
  readonly targets: readonly string[];
  /** Of a whole system the directories with the keys of publishers, highest precedence first. */
  readonly keys?: readonly string[];
}

const nothing: CheckedDropIns = { dropIns: [], closed: [], anyDirectory: false };

/** The configuration of a host. */
export function filesBelow(root: string): ConfigurationFiles {
  const rules = fleetRules(root);
  const bases = fleetDirectories.map(dirname);
  return {
    settings: together([mainFiles(bases, rules), checkedDropIns(below(bases, 'agent.d'), rules)]),
    fleet: checkedDropIns(fleetDirectories, rules),
    targets: targetDirectories(root),
    keys: below(bases, 'keys'),
  };
}

/**
 * What was named: files and directories as they lie in a repository, whoever they belong to.
 * @param root where targets are looked for.
 * @throws AgentError `no-such-file`.
 */
export function filesAt(paths: readonly string[], root: string): ConfigurationFiles {
  const found = paths.map(filesOf);
  return {
    settings: together(found.map(({ settings = nothing }) => settings)),
    fleet: together(found.map(({ fleet = nothing }) => fleet)),
    targets: [...found.flatMap(({ targets = [] }) => targets), ...targetDirectories(root)],
  };
}

const anyone: DropInRules = { ...dropInNames, root: '/', trusted: false };

/** What a path is about tells its name, or that of its directory: all else are drop-ins of the fleet. */
function filesOf(path: string): Partial<ConfigurationFiles> {
  const status = fileStatus(path);
  if (status === undefined) throw new AgentError('no-such-file', `there is no file or directory ${path}`);
  if (!status.isDirectory()) return ofFile(path);
  if (isWhole(path)) {
    return {
      settings: together([mainFiles([path], anyone), checkedDropIns([join(path, 'agent.d')], anyone)]),
      fleet: checkedDropIns([join(path, 'extensions.d')], anyone),
      targets: [join(path, 'targets.d')],
    };
  }
  if (nameOf(path) === 'targets.d') return { targets: [path] };
  const files = checkedDropIns([path], anyone);
  return nameOf(path) === 'agent.d' ? { settings: files } : { fleet: files };
}

function ofFile(path: string): Partial<ConfigurationFiles> {
  const directory = nameOf(dirname(path));
  if (directory === 'targets.d') return { targets: [dirname(path)] };
  const files = { dropIns: [checkedFile(path, false)], closed: [], anyDirectory: true };
  return basename(path) === 'agent.yml' || directory === 'agent.d' ? { settings: files } : { fleet: files };
}

/** Whether a directory is what `/etc/sysext-agent` is on a host. */
function isWhole(path: string): boolean {
  return ['agent.yml', 'agent.d', 'extensions.d', 'targets.d'].some(
    (name) => fileStatus(join(path, name)) !== undefined,
  );
}

function nameOf(path: string): string {
  return basename(fileName(path));
}

/** `.` and `..` have names as well. */
function fileName(path: string): string {
  return /(^|\/)\.{1,2}\/?$/.test(path) ? join(process.cwd(), path) : path;
}

function mainFiles(directories: readonly string[], rules: DropInRules): CheckedDropIns {
  const found = checkedDropIns(directories, { root: rules.root, trusted: rules.trusted, suffix: 'agent.yml' });
  return { ...found, dropIns: found.dropIns.filter(({ name }) => name === 'agent.yml') };
}

function below(directories: readonly string[], name: string): string[] {
  return directories.map((directory) => join(directory, name));
}

function together(all: readonly CheckedDropIns[]): CheckedDropIns {
  return {
    dropIns: all.flatMap(({ dropIns }) => dropIns),
    closed: all.flatMap(({ closed }) => closed),
    anyDirectory: all.some(({ anyDirectory }) => anyDirectory),
  };
}
