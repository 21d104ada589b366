import { AgentError } from '../../core/errors.ts';

/** The programs of this host that shut others in, and the Debian packages that bring them. */
const programs = {
  bwrap: 'bubblewrap',
  unshare: 'util-linux',
  setpriv: 'util-linux',
  prlimit: 'util-linux',
  mount: 'mount',
  mkfifo: 'coreutils',
} as const;

/** @throws AgentError `tool-missing` with all the programs that this host lacks. */
export function refuseMissing(find: (name: string) => string | undefined): void {
  const missing = Object.entries(programs).filter(([name]) => find(name) === undefined);
  const [first] = missing;
  if (first === undefined) return;
  const packages = [...new Set(missing.map(([, name]) => name))];
  throw new AgentError(
    'tool-missing',
    `programs cannot be isolated here: ${missing.map(([name]) => name).join(', ')} ${missing.length === 1 ? 'is' : 'are'} not installed`,
    { left: 'Nothing of the spec was run.', next: `Install ${packages.join(' and ')}.` },
  );
}

/** What the words of the programs mean, and what to do. */
const causes: readonly (readonly [RegExp, why: string, next: string])[] = [
  [
    /unshare: .*(Operation not permitted|No space left|Invalid argument|Permission denied)/,
    'namespaces of users cannot be made',
    'Run the command as root, outside of containers and services that forbid them; see user.max_user_namespaces (sysctl).',
  ],
  [
    /mount: .*(wrong fs type|unknown filesystem|permission denied|cannot mount|not permitted)/i,
    'overlayfs cannot be mounted in a namespace of users',
    'That needs Linux 5.11 or later with overlayfs, and a cache directory that lies on no overlay itself (ext4, xfs, btrfs, tmpfs).',
  ],
  [
    /mount proc|\/proc/,
    'a new /proc cannot be mounted',
    'Where the /proc of a container is masked only its root can build.',
  ],
];

/** Nothing is run that is not isolated: what is missing, in the words of the program that failed. */
export function cannotIsolate(why: string | undefined, facts: readonly string[]): AgentError {
  const text = facts.join('\n');
  const [, found = 'the isolation failed', next] = causes.find(([pattern]) => pattern.test(text)) ?? [];
  return new AgentError('tool-missing', `programs cannot be isolated here: ${why ?? found}`, {
    facts,
    left: 'Nothing of the spec was run.',
    ...(next === undefined ? {} : { next }),
  });
}
