import { parseArgs } from 'node:util';

import { installWatcher, watchedDuring } from '../integration/support/absence.ts';
import { extensionImage, putFiles } from '../integration/support/images.ts';
import { bootMachine, type Machine } from '../lab/machine.ts';

/**
 * Swaps what is merged many times while somebody looks at it without pause, and prints how often it was absent, how long
 * a swap takes and what is left, beside what the bare tool does: `node test/endurance/swaps.ts [--swaps=1000]
 * [--extensions=1,10,50] [--systemd=252,257,262] [--by=agent|program]`, as root, with the bundle. Exits with 1 where
 * something was absent or grows.
 */

const { values } = parseArgs({
  options: {
    swaps: { type: 'string', default: '1000' },
    extensions: { type: 'string', default: '1,10,50' },
    systemd: { type: 'string', default: '252,257,262' },
    by: { type: 'string', default: 'agent' },
  },
});

const installed = '/srv/sysext-agent';
const watched = '/usr/share/e0/version';

/** Each swap exchanges the image of one extension; the one that is watched is in every set. */
const exchange =
  'version=$((i % 2 + 1)); cp --reflink=auto /srv/e0-$version.raw /var/lib/extensions/.#e0; ' +
  'mv /var/lib/extensions/.#e0 /var/lib/extensions/e0.raw';

/** `refresh` of 260 and later does nothing where nothing has changed: here something has. */
const ways = {
  agent: `${installed}/bin/sysext-agent refresh`,
  program: `${installed}/dist/sysext-agent-swap prepare /usr/bin/systemd-sysext refresh && ${installed}/dist/sysext-agent-swap commit`,
  bare: 'systemd-sysext refresh',
} as const;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

interface Left {
  readonly mounts: number;
  readonly loops: number;
  readonly files: number;
  readonly freeKib: number;
}

async function leftIn(machine: Machine): Promise<Left> {
  const script = [
    'mounts=$(wc -l </proc/1/mountinfo)',
    'loops=$(cat /sys/block/loop*/loop/backing_file 2>/dev/null | grep -c extensions || true)',
    'files=$(ls /proc/1/fd | wc -l)',
    'free=$(awk "/MemAvailable/ { print \\$2 }" /proc/meminfo)',
    'echo "{\\"mounts\\": $mounts, \\"loops\\": $loops, \\"files\\": $files, \\"freeKib\\": $free}"',
  ];
  return JSON.parse(await machine.shell(script.join('\n'))) as Left;
}

async function run(machine: Machine, what: keyof typeof ways, swaps: number): Promise<readonly string[]> {
  const before = await leftIn(machine);
  const start = performance.now();
  const script = `for i in $(seq ${swaps}); do ${exchange}; ${ways[what]}; done`;
  const seen = await watchedDuring(machine, watched, script, 3_600_000);
  const each = (performance.now() - start) / swaps;
  const after = await leftIn(machine);
  const { polls, absences, longestMs, totalMs } = seen;
  say(
    `  ${what.padEnd(8)}${swaps} swaps, ${each.toFixed(0)} ms each: ${polls} looks, absent ${absences} times, ` +
      `longest ${longestMs.toFixed(2)} ms, in all ${totalMs.toFixed(1)} ms; mounts ${before.mounts} -> ${after.mounts}, ` +
      `loop devices ${before.loops} -> ${after.loops}, open files of PID 1 ${before.files} -> ${after.files}, ` +
      `free memory ${before.freeKib} -> ${after.freeKib} KiB`,
  );
  if (what === 'bare') return [];
  return [
    ...(absences > 0 ? [`${what}: ${absences} absences`] : []),
    ...(after.mounts > before.mounts ? [`${what}: mounts grew`] : []),
    // Other machines of this kernel have theirs, and one goes a moment after its last file: a leak is one of each swap.
    ...(after.loops >= before.loops + swaps ? [`${what}: loop devices grew`] : []),
    ...(after.files > before.files + 5 ? [`${what}: open files of PID 1 grew`] : []),
  ];
}

const by = values.by === 'program' ? 'program' : 'agent';
const swaps = Number(values.swaps);
const problems: string[] = [];
for (const systemd of values.systemd.split(',').map(Number) as (252 | 254 | 257 | 262)[]) {
  for (const count of values.extensions.split(',').map(Number)) {
    say(`systemd ${systemd}, ${count} extensions`);
    await using machine = await bootMachine({ systemd });
    await installWatcher(machine);
    const others = Array.from({ length: count - 1 }, (_, index) => `e${index + 1}`);
    await putFiles(machine, '/var/lib/extensions', {
      ...Object.fromEntries(others.map((name) => [`${name}.raw`, extensionImage(name)])),
      'e0.raw': extensionImage('e0', '1'),
    });
    await putFiles(machine, '/srv', {
      'e0-1.raw': extensionImage('e0', '1'),
      'e0-2.raw': extensionImage('e0', '2'),
    });
    await machine.shell('systemd-sysext merge');
    await machine.shell(`{ ${ways[by]}\n} >/dev/null 2>&1`);
    problems.push(...(await run(machine, by, swaps)));
    problems.push(...(await run(machine, 'bare', Math.min(20, swaps))));
  }
}
for (const problem of problems) say(`problem: ${problem}`);
process.exitCode = problems.length === 0 ? 0 : 1;
