import type { CommandResult } from '../lab/command.ts';
import { commandOf } from './kills.ts';
import type { World } from './world.ts';

/** What a program of the host does in place of its work, as a script: $real is the program itself. */
export interface Misdeed {
  readonly title: string;
  readonly program: string;
  readonly script: string;
  /** Whether only its first call goes wrong, so that what went before can be had again. */
  readonly once?: boolean;
  /** Ctrl-C comes when the program is at it. */
  readonly interrupt?: boolean;
  /** What the configuration of the host says. */
  readonly settings?: string;
}

/** The tool is asked for its version first, and that goes well. */
const passOn = 'case $1 in --*) exec "$real" "$@";; esac';

function scriptOf({ program, script, once = false }: Misdeed, directory: string): string {
  if (script === 'missing') return '#!/no/such/interpreter\n';
  return `#!/bin/bash
real=${directory}/real/${program}
${program === 'systemd-sysext' ? passOn : ''}
${once ? `mkdir ${directory}/once 2>/dev/null || exec "$real" "$@"` : ''}
: >${directory}/begun
${script}
`;
}

/** In the lab's own mount namespace a file can be mounted over a program; a copy of what was there is kept. */
const wrap = `
cd "$0"; program=$1
mkdir real
path=$(readlink -f /usr/bin/$program)
cp "$path" real/
chmod 0755 wrapper
mount --bind wrapper "$path"`;

const unwrap = `
cd "$0"; program=$1
umount "$(readlink -f /usr/bin/$program)"
rm -r "$0"`;

const interruptWhenBegun = `
cd "$0"; directory=$1; shift
"$@" & agent=$!
until test -e $directory/begun; do kill -0 $agent 2>/dev/null || break; sleep 0.01; done
kill -INT $agent
wait $agent`;

/** Runs the agent while a program of the host does something else. */
export async function runWith(world: World, misdeed: Misdeed, args: readonly string[]): Promise<CommandResult> {
  const { lab } = world;
  const { quick } = lab;
  const directory = `${quick.root}/misdeed`;
  await lab.shell(`mkdir -p misdeed etc/sysext-agent`);
  lab.put('misdeed/wrapper', Buffer.from(scriptOf(misdeed, directory)));
  if (misdeed.settings !== undefined) lab.put('etc/sysext-agent/agent.yml', Buffer.from(misdeed.settings));
  const inNamespace = (script: string) => quick.run(['bash', '-euc', script, directory, misdeed.program]);
  const wrapped = await inNamespace(wrap);
  if (wrapped.exitCode !== 0) throw new Error(`${misdeed.title}: ${wrapped.stderr}`);
  try {
    const how =
      misdeed.interrupt === true
        ? ['bash', '-c', interruptWhenBegun, quick.root, directory]
        : ['bash', '-euc', 'cd "$0"; exec "$@"', quick.root];
    return await quick.run([...how, ...commandOf(world, args)]);
  } finally {
    await inNamespace(unwrap);
  }
}

const programs = ['systemd-sysext', 'flock', 'systemctl', 'cp', 'sync'];

/** What can become of every program that is run. */
const common: readonly Misdeed[] = programs.flatMap((program) => [
  { title: `${program} is missing`, program, script: 'missing' },
  { title: `${program} ends with 1`, program, script: 'echo "it does not work" >&2; exit 1' },
  { title: `${program} is killed`, program, script: 'kill -KILL $$' },
  { title: `${program} hangs until Ctrl-C`, program, script: 'exec sleep infinity', once: true, interrupt: true },
]);

const merging: readonly (readonly [title: string, script: string])[] = [
  ['fails without a word', 'exit 1'],
  ['does nothing and says that all is well', 'exit 0'],
  ['takes everything off and says that all is well', '"$real" unmerge "${@:2}"; exit 0'],
  ['takes everything off and fails', '"$real" unmerge "${@:2}"; exit 1'],
  ['takes everything off and is killed', '"$real" unmerge "${@:2}"; kill -KILL $$'],
  ['takes everything off and hangs until its time is over', '"$real" unmerge "${@:2}"; sleep infinity'],
  [
    'leaves one out and says that all is well',
    'mv var/lib/extensions/b.raw var/; "$real" "$@"; mv var/b.raw var/lib/extensions/; exit 0',
  ],
  ['merges and fails all the same', '"$real" "$@"; exit 1'],
];

/** What systemd-sysext can say and do that is not so; once, and every time. */
const lies: readonly Misdeed[] = merging.flatMap(([title, script]) =>
  [true, false].map((once) => ({
    title: `systemd-sysext ${title}, ${once ? 'once' : 'every time'}`,
    program: 'systemd-sysext',
    script,
    once,
    settings: 'merge_time_limit: 2\n',
  })),
);

/** What changes nothing: the work is done. */
export const harmless: readonly Misdeed[] = [
  {
    title: 'systemd-sysext prints what makes no sense',
    program: 'systemd-sysext',
    script: `"$real" "$@"; printf '\\0\\033[2J{"no":"table"'; head -c 5000 /dev/urandom >&2`,
  },
];

export const misdeeds: readonly Misdeed[] = [...common, ...lies];
