import { dirname } from 'node:path';

import { rangeSize, type Identity } from './identity.ts';
import type { SandboxLimits, SandboxRun, SandboxTree } from './sandbox.ts';

/**
 * How a program is shut in, as values: what is run for it, step by step.
 *
 * 1. `unshare`: a PID namespace, which ends with us, and a mount namespace, so that nothing stays mounted. Layers and
 *    binds get short names below a directory of it.
 * 2. A user namespace in which root is nobody of this host. There the layers become one tree.
 * 3. `bwrap` makes that tree the root directory, with nothing of the host but what is bound into it, takes away rights
 *    and system calls, and runs the program as a child of its own first process.
 */

/** Directories of the run, made by us: `stage` is where the first step mounts, `own` holds `upper`, `work` and texts. */
export const inOwn = {
  stage: 'stage',
  upper: 'upper',
  work: 'work',
  messages: 'messages',
  filter: 'filter',
  options: 'options',
  input: 'input',
} as const;

/** What the second step says when it hands over to bwrap: what is printed after it is the program's, or bwrap's. */
export const handedOver = 'handed over';

/** A path of this host, and the short name that it gets: relative to the stage. */
export interface Named {
  readonly source: string;
  readonly name: string;
}

/** The layers, overlays and binds of a run by short names. */
export function namesFor({ tree, binds }: Pick<SandboxRun, 'tree' | 'binds'>, own: string): readonly Named[] {
  const numbered = (prefix: string, sources: readonly string[]) =>
    sources.map((source, index) => ({ source, name: `${prefix}${index}` }));
  return [
    { source: own, name: 'own' },
    ...numbered('l', tree.lower),
    ...(tree.overlays ?? []).flatMap(({ lower }, index) => numbered(overlayLayer(index), lower)),
    ...numbered(
      'b',
      binds.map(({ source }) => source),
    ),
  ];
}

function overlayLayer(index: number): string {
  return `o${index}.`;
}

/** What the first step prepares for the second. */
export interface Staged {
  /** The directory of the run. */
  readonly own: string;
  readonly named: readonly Named[];
  /** The script of the second step. */
  readonly inner: string;
  /** How many of them there are besides the tree. */
  readonly overlays: number;
}

/**
 * The arguments of the program that the whole of it runs below; it is ended when this process ends in any way.
 * @param argv of the program to be shut in.
 */
export function outerCommand(
  identity: Identity,
  { own, named, inner, overlays }: Staged,
  argv: readonly string[],
): readonly [string, ...string[]] {
  const user = identity.kind === 'range' ? [] : ['--map-root-user', ...(identity.others ? ['--map-auto'] : [])];
  return [
    ...(['setpriv', '--pdeathsig=KILL', 'unshare', ...user] as const),
    ...['--mount', '--propagation=private', '--pid', '--fork', '--kill-child', '--mount-proc'],
    ...[
      'sh',
      '-euc',
      outerScript(identity, overlays),
      'sandbox',
      `${own}/${inOwn.stage}`,
      `${own}/${inOwn.messages}`,
      inner,
    ],
    ...named.flatMap(({ source, name }) => [source, name]),
    '--',
    ...argv,
  ];
}

/**
 * The first step. What it made goes over `/tmp`, which everybody can enter, when all that may lie there is bound. Output goes through pipes that whoever is inside may open again (`/dev/stderr`): Node's own are
 * sockets. Descriptors: 3 messages, 4 and 5 what bwrap reads.
 */
function outerScript(identity: Identity, overlays: number): string {
  return `
stage=$1 inner=$3
exec 3>>"$2" 8>&1 9>&2 2>&3
mount -n -t tmpfs -o mode=0755 sandbox "$stage"
cd "$stage"
shift 3
while [ "$1" != -- ]; do
  if [ -d "$1" ]; then mkdir "$2"; else : >"$2"; fi
  mount -n --rbind "$1" "$2"
  shift 2
done
shift
mkdir root${Array.from({ length: overlays }, (_, index) => ` ${overlayName(index)}`).join('')}
mkfifo -m 666 out err ready go
cd /
mount -n --move "$stage" /tmp
cd /tmp
cat <out >&8 & outs=$!
cat <err >&9 & errs=$!
exec 4<own/${inOwn.filter} 5<own/${inOwn.options} 6<>ready 7<>go 8>out 9>err
${identity.kind === 'range' ? enterRange(identity.first) : 'sh -euc "$inner" sandbox "$@" & main=$!'}
exec 4<&- 5<&- 8>&- 9>&-
status=0
wait "$main" || status=$?
wait "$outs" "$errs"
exit "$status"`;
}

/**
 * Who has no user yet in a new namespace may map none either: that is done from outside, before they become its root.
 * Where there is no namespace an empty line says so.
 */
function enterRange(first: number): string {
  return `
(
  unshare --user --keep-caps --mount sh -euc '
    echo $$ >&6
    read -r _ <&7
    exec setpriv --reuid=0 --regid=0 --clear-groups sh -euc "$0" sandbox "$@"
  ' "$inner" "$@" || { status=$?; echo >&6; exit $status; }
) & main=$!
read -r leader <&6
if [ -n "$leader" ]; then
  echo 0 ${first} ${rangeSize} >/proc/$leader/uid_map
  echo 0 ${first} ${rangeSize} >/proc/$leader/gid_map
  echo >&7
fi`;
}

/**
 * The second step. Descriptors that lead out are closed before the third, and namespaces of users cannot be made any more.
 * @param overlays how many lower layers each overlay has.
 */
export function innerScript(
  tree: SandboxTree,
  limits: SandboxLimits,
  has: { readonly input: boolean; readonly filter: boolean },
): string {
  const overlays = (tree.overlays ?? []).map(({ lower }, index) => overlayMount(index, lower.length));
  const lower = tree.lower.map((_, index) => `l${index}`).toReversed();
  const walls = [`--nproc=${mostProcesses(limits)}`, `--fsize=${limits.disk}`, '--core=0'];
  return `
export LIBMOUNT_FORCE_MOUNT2=always
mount -n -t overlay -o lowerdir=${lower.join(':')},upperdir=own/${inOwn.upper},workdir=own/${inOwn.work},userxattr,volatile sandbox root
${overlays.join('\n')}
echo 0 >/proc/sys/user/max_user_namespaces
echo 1000 >/proc/self/oom_score_adj
echo ${handedOver} >&3
exec prlimit ${walls.join(' ')} --data=${2 * limits.memory} bwrap ${has.filter ? '--seccomp 4 ' : ''}--args 5 -- "$@" \\
  <${has.input ? `own/${inOwn.input}` : '/dev/null'} >&8 2>&9 3>&- 6>&- 7>&- 8>&- 9>&-`;
}

/**
 * How many processes the kernel lets a run have: more than its limit, at which it is ended. At the limit itself forks would
 * fail, and it could shrink again before anyone looks.
 */
function mostProcesses({ processes }: SandboxLimits): number {
  return processes + Math.ceil(processes / 4) + spareProcesses;
}

/** The processes of the two scripts, and threads that are there before the program is. */
export const spareProcesses = 16;

function overlayMount(index: number, layers: number): string {
  const names = Array.from({ length: layers }, (_, layer) => `${overlayLayer(index)}${layer}`).toReversed();
  return names.length === 1
    ? `mount -n --rbind ${names.join('')} ${overlayName(index)}`
    : `mount -n -t overlay -o ro,userxattr,lowerdir=${names.join(':')} sandbox ${overlayName(index)}`;
}

export function overlayName(index: number): string {
  return `overlay${index}`;
}

/** What packages and builds do as root, and what a user namespace confines to itself. */
const rights = [
  ...['CHOWN', 'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'KILL', 'SETGID', 'SETUID', 'SETPCAP'],
  ...['SETFCAP', 'SYS_CHROOT', 'NET_BIND_SERVICE'],
];

export interface Bound {
  /** The short name. */
  readonly name: string;
  /** Where it goes in the tree: no part of it is a link. */
  readonly at: string;
  readonly writable: boolean;
}

/** The options of bwrap, which it reads from a file: what is in the environment is nobody else's business. */
export function bubblewrapOptions(
  { tree, directory, environment, network, limits }: Omit<SandboxRun, 'take' | 'argv' | 'binds'>,
  bound: readonly Bound[],
): readonly string[] {
  return [
    ...['--bind', 'root', '/'],
    ...bound.flatMap(({ name, at, writable }) => [writable ? '--bind' : '--ro-bind', name, at]),
    ...['', ...(tree.roots ?? [])].flatMap((root) => ['--proc', `${root}/proc`, '--dev', `${root}/dev`]),
    ...['--perms', '1777', '--size', String(Math.max(1, Math.floor(limits.memory / 4))), '--tmpfs', '/dev/shm'],
    ...[
      '--unshare-pid',
      '--unshare-ipc',
      '--unshare-uts',
      '--unshare-cgroup-try',
      ...(network ? [] : ['--unshare-net']),
    ],
    ...['--hostname', 'build', '--new-session', '--die-with-parent', '--clearenv'],
    ...Object.entries(environment).flatMap(([name, value]) => ['--setenv', name, value]),
    ...['--chdir', directory, '--cap-drop', 'ALL', ...rights.flatMap((right) => ['--cap-add', `CAP_${right}`])],
  ];
}

/** Where the directory of a run goes: on the file system of what it changes. */
export function neighbourhood({ upper }: SandboxTree, otherwise: string): string {
  return upper === undefined ? otherwise : dirname(upper);
}
