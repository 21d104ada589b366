import { dirname, join, resolve } from 'node:path';
import { homedir } from 'node:os';

import { readSettings } from '../agent/settings.ts';
import type { BuildHost, BuildRequest } from '../builder/request.ts';
import { parseChoice } from '../builder/tests/choice.ts';
import { AgentError } from '../core/errors.ts';
import { parseArchitecture, type Architecture } from '../core/architecture.ts';
import { systemClock } from '../host/clock.ts';
import { fileStatus } from '../host/files.ts';
import type { Progress } from '../host/progress.ts';
import { proxyVariables } from '../host/proxy-variables.ts';
import { belowRoot } from '../host/root.ts';
import { hostLibraries } from '../systemd/host-libraries.ts';
import { hostArchitecture, readOsRelease } from '../systemd/host-release.ts';
import { buildLimits } from './build-limits.ts';
import type { Options, OptionSpec } from './command.ts';
import { containerImages } from './container-images.ts';
import { hostExec, rootOf } from './invoker.ts';

export const buildArgOption: OptionSpec = {
  flags: '--build-arg <key=value>',
  description: 'a build argument of the spec, or one of Dalec such as DALEC_SYSEXT_OS_ID=debian',
  repeatable: true,
};

/** The options of every command that builds. */
export const buildOptions: readonly OptionSpec[] = [
  { flags: '--target <name>', description: 'build from the packages of this target (default: the one of this host)' },
  {
    flags: '--context <dir>',
    description: 'the directory that sources of the kind context are (default: that of the spec)',
  },
  { flags: '--build-context <name=dir>', description: 'another directory that sources can be', repeatable: true },
  buildArgOption,
  {
    flags: '--secret <id=name,src=file>',
    description: 'a file with a secret that sources ask for by its name, such as the token of a git server',
    repeatable: true,
  },
  { flags: '--format <format>', description: 'erofs or squashfs (default: erofs)' },
  { flags: '--refresh', description: 'ask the repositories for new indexes now' },
  { flags: '--offline', description: 'use only what is in the cache' },
  { flags: '--no-cache', description: 'run all steps and make the image anew, whatever is in the cache' },
  { flags: '--verbose', description: 'show what the steps of the spec print' },
  {
    flags: '--test <where>',
    description:
      'run the tests of the spec in a root of the target (target, the default), in the tree that a merge here would make ' +
      '(merged), in both, or not (none)',
  },
  { flags: '--add-missing', description: 'add the packages that bring libraries which this host does not have' },
];

/**
 * What a build works with on this host.
 * @param show gets what steps print.
 */
export async function buildHost(
  options: Options,
  progress: Progress,
  show?: BuildHost['making']['show'],
): Promise<BuildHost> {
  const { createHttp } = await import('../host/http.ts');
  const root = rootOf(options);
  return {
    exec: hostExec(),
    http: createHttp({ env: process.env, clock: systemClock }),
    clock: systemClock,
    progress,
    cacheDirectory: cacheDirectory(root),
    targetDirectories: targetDirectories(root),
    root,
    osRelease: readOsRelease(root),
    architecture: buildArchitecture(),
    libraries: () => hostLibraries(root),
    making: {
      limits: async () => buildLimits((await readSettings(root)).build, cacheDirectory(root)),
      proxies: proxyVariables(process.env),
      logDirectory: buildLogDirectory(root),
      images: containerImages(root),
      knownHosts: ['/etc/ssh/ssh_known_hosts', join(homedir(), '.ssh/known_hosts')],
      ...(show === undefined ? {} : { show }),
    },
  };
}

/** Where logs of builds are kept: of root's builds with those of the system, of everyone else in a place of their own. */
export function buildLogDirectory(root: string): string {
  if (process.getuid?.() === 0) return belowRoot(root, '/var/log/sysext-agent/builds');
  return join(process.env['XDG_STATE_HOME'] ?? join(homedir(), '.local/state'), 'sysext-agent/builds');
}

/** The architecture that images are built for: the host's own. */
export function buildArchitecture(): Architecture {
  const architecture = parseArchitecture(hostArchitecture());
  if (architecture !== undefined) return architecture;
  throw new AgentError('usage', `nothing can be built for the architecture ${hostArchitecture()}`);
}

/** A build needs no root: everyone else has a cache of their own. */
function cacheDirectory(root: string): string {
  if (process.getuid?.() === 0) return belowRoot(root, '/var/cache/sysext-agent');
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'sysext-agent');
}

/** Where target files are, highest precedence first; the last are those that ship with the program. */
export function targetDirectories(root: string): string[] {
  const onHost = ['/etc', '/run', '/usr/local/lib', '/usr/lib'].map((path) =>
    belowRoot(root, `${path}/sysext-agent/targets.d`),
  );
  return [...onHost, shipped('targets')];
}

/** A directory that ships with the program: beside the bundle, or at the top of a checkout. */
function shipped(name: string): string {
  for (let directory = import.meta.dirname; directory !== '/'; directory = dirname(directory)) {
    const path = join(directory, name);
    if (fileStatus(path)?.isDirectory() === true) return path;
  }
  throw new AgentError('internal', `the program's own directory ${name} is missing`);
}

/** @throws AgentError `usage` on a build argument that is no KEY=VALUE, an unknown format, or a place of tests that is none. */
export function buildRequest(specPath: string, options: Options, signal: AbortSignal): BuildRequest {
  const target = options.text('target');
  const format = options.text('format');
  const test = options.text('test');
  if (format !== undefined && format !== 'erofs' && format !== 'squashfs') {
    throw new AgentError('usage', `--format takes erofs or squashfs, not ${format}`);
  }
  return {
    specPath,
    contexts: contextsOf(specPath, options),
    buildArguments: buildArguments(options),
    secrets: secretsOf(options),
    refresh: options.flag('refresh'),
    offline: options.flag('offline'),
    addMissing: options.flag('addMissing'),
    anew: options.given.includes('cache'),
    signal,
    ...(target === undefined ? {} : { target }),
    ...(format === undefined ? {} : { format }),
    ...(test === undefined ? {} : { test: parseChoice(test) }),
  };
}

function contextsOf(specPath: string, options: Options): ReadonlyMap<string, string> {
  const main: [string, string] = ['context', options.text('context') ?? dirname(specPath)];
  return new Map([main, ...options.list('buildContext').map(buildContext)]);
}

function buildContext(text: string): [string, string] {
  const [, name, directory] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
  if (name !== undefined && directory !== undefined) return [name, directory];
  throw new AgentError('usage', `--build-context takes NAME=DIR, not ${text}`);
}

function secretsOf(options: Options): ReadonlyMap<string, string> {
  return new Map(options.list('secret').map(secret));
}

/** As Docker's option of the name has it: `id=NAME,src=FILE`, in any order. The file is read when a source asks for it. */
function secret(text: string): [string, string] {
  const fields = new Map(text.split(',').map((field) => [field.replace(/=.*$/s, ''), field.replace(/^[^=]*=?/s, '')]));
  const [name = '', path = ''] = [fields.get('id'), fields.get('src') ?? fields.get('source')];
  const others = [...fields.keys()].filter((key) => !['id', 'src', 'source', 'type'].includes(key));
  const isFile = (fields.get('type') ?? 'file') === 'file';
  if (name !== '' && path !== '' && others.length === 0 && isFile) return [name, resolve(path)];
  throw new AgentError('usage', `--secret takes id=NAME,src=FILE, not ${text}`);
}

/** The values of --build-arg, and SOURCE_DATE_EPOCH of the environment. */
export function buildArguments(options: Options): Record<string, string> {
  return { ...sourceDateEpoch(), ...Object.fromEntries(options.list('buildArg').map(buildArgument)) };
}

function buildArgument(text: string): [string, string] {
  const [, key, value] = /^([A-Za-z_][A-Za-z0-9_]*)=([\s\S]*)$/.exec(text) ?? [];
  if (key !== undefined && value !== undefined) return [key, value];
  throw new AgentError('usage', `--build-arg takes KEY=VALUE, not ${text}`);
}

/** The environment may fix the time of a build as well (reproducible-builds.org). */
function sourceDateEpoch(): Record<string, string> {
  const value = process.env['SOURCE_DATE_EPOCH'];
  return value === undefined ? {} : { SOURCE_DATE_EPOCH: value };
}
