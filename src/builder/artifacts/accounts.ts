import { AgentError } from '../../core/errors.ts';
import type { Problem } from '../../core/problems.ts';
import { quote } from '../../core/yaml/text.ts';
import type { ArchiveEntry } from '../../core/tree.ts';
import type { ArtifactDirectory, Artifacts } from '../spec/artifacts.ts';
import type { Text } from '../spec/sources.ts';
import type { Placement } from './placements.ts';

/** A path of the host, and who is to own it. */
interface Owned {
  readonly path: string;
  readonly user: string;
  readonly group: string;
}

/**
 * What a package does with users and groups in its scripts, as files that systemd does it by when the extension is merged
 * (sysusers.d(5), tmpfiles.d(5)): accounts, the owners of what comes to `/etc`, and directories in `/var/lib`.
 * @throws AgentError `invalid-spec` where a name or path cannot be written into such a file.
 */
export function accountFiles(
  artifacts: Artifacts,
  placed: readonly Placement[],
  pkg: string,
): readonly Omit<ArchiveEntry, 'mtime'>[] {
  refuseUnwritable(artifacts);
  return [
    textFile(`usr/lib/sysusers.d/10-${pkg}.conf`, accountLines(artifacts)),
    textFile(`usr/lib/tmpfiles.d/20-${pkg}.conf`, [...stateLines(artifacts), ...ownerLines(artifacts, placed)]),
  ].filter(({ content }) => content.bytes.length > 0);
}

/** What systemd takes for a name of an account (systemd's documentation of user and group names, the strict form). */
const accountName = /^[a-z_][a-z0-9_-]{0,30}$/i;

/** A line of these files ends where its text has a line break, so nothing may have one. */
function refuseUnwritable(artifacts: Artifacts): void {
  const { users, groups, createDirectories, files } = artifacts;
  const owned = [
    ...createDirectories.config.map((of) => ({ ...of, field: 'createDirectories.config' })),
    ...createDirectories.state.map((of) => ({ ...of, field: 'createDirectories.state' })),
    ...files.configFiles.map((of) => ({ ...of, field: 'configFiles' })),
  ];
  const problems = [
    ...users.flatMap((user) => nameProblems(user, 'artifacts.users')),
    ...groups.flatMap((group) => nameProblems(group, 'artifacts.groups')),
    ...owned.flatMap(({ path, user, group, field }) => [
      ...[user, group]
        .filter((name) => name !== '')
        .flatMap((value) => nameProblems({ value, position: path.position }, `artifacts.${field}`)),
      ...(/\p{Cc}/u.test(path.value)
        ? [
            {
              position: path.position,
              field: `artifacts.${field}`,
              message: `${quote(path.value)} has a control character`,
            },
          ]
        : []),
    ]),
  ];
  if (problems.length === 0) return;
  throw new AgentError('invalid-spec', 'the spec has names that no file of sysusers.d or tmpfiles.d can have', {
    problems,
    left: 'Nothing was built.',
  });
}

function nameProblems({ value, position }: Text, field: string): readonly Problem[] {
  if (accountName.test(value)) return [];
  return [{ position, field, message: `${quote(value)} is no name of a user or group` }];
}

/** A user has a group of the same name, so only other groups have a line. */
function accountLines({ users, groups }: Artifacts): readonly string[] {
  const names = users.map(({ value }) => value);
  const others = groups.map(({ value }) => value).filter((group) => !names.includes(group));
  return [...names.map((user) => `u ${user} -`), ...others.map((group) => `g ${group} -`)];
}

function stateLines({ createDirectories: { state } }: Artifacts): readonly string[] {
  return state.map((directory) => line('d', modeOf(directory), belowTop('/var/lib', directory)));
}

function ownerLines(artifacts: Artifacts, placed: readonly Placement[]): readonly string[] {
  const directories = artifacts.createDirectories.config.map((directory) => belowTop('/etc', directory));
  const files = artifacts.files.configFiles.map(({ path, user, group }) => {
    const placement = placed.find(({ from, field }) => from === path && field === 'artifacts.configFiles');
    const name = placement?.name ?? path.value.slice(path.value.lastIndexOf('/') + 1);
    return { path: `/${placement?.to(name) ?? ''}`, user, group };
  });
  return [...directories, ...files]
    .filter(({ user, group }) => user !== '' || group !== '')
    .map((owned) => line('z', '-', owned));
}

function belowTop(top: string, { path, user, group }: ArtifactDirectory): Owned {
  return { path: `${top}/${path.value.replace(/^\/+/, '')}`, user, group };
}

function modeOf({ mode = 0o755 }: ArtifactDirectory): string {
  return mode.toString(8).padStart(4, '0');
}

/** Words may be quoted, and `%` begins a specifier (tmpfiles.d(5)). */
function line(kind: 'd' | 'z', mode: string, { path, user, group }: Owned): string {
  const literal = path.replaceAll('%', '%%').replace(/["\\]/g, '\\$&');
  return `${kind} "${literal}" ${mode} ${user === '' ? '-' : user} ${group === '' ? '-' : group}`;
}

function textFile(name: string, lines: readonly string[]) {
  const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
  return { name, kind: 'file', mode: 0o644, content: { kind: 'bytes', bytes } } as const;
}
