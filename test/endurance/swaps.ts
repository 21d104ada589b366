import { parseArgs } from 'node:util';

import { extensionClasses } from '../../src/core/extension-class.ts';
import { installWatcher, watchedDuring } from '../integration/support/absence.ts';
import { confextImage, erofsImage, extensionImage, putFiles, releaseOf } from '../integration/support/images.ts';
import { bootMachine, type Machine } from '../lab/machine.ts';

/**
 * Swaps what is merged many times while somebody looks at it without pause, and prints how often it was absent, how long
 * a swap takes and what is left, beside what the bare tool does: `node test/endurance/swaps.ts [--swaps=1000]
 * [--extensions=1,10,50] [--systemd=252,257,262] [--by=agent|program|mounted] [--starts=0] [--class=sysext|confext]`, as
 * root, with the bundle. Of confexts there are no programs to start, and none that are mounted once. By
 * `program` the helper alone swaps; by `mounted` it finds every image mounted once, as the agent has it with those of its
 * store. With `--starts=60` a shell then starts a program of the extension without pause for so many seconds while it is
 * swapped. Exits with 1 where something was absent, grows, or did not start.
 */

const { values } = parseArgs({
  options: {
    swaps: { type: 'string', default: '1000' },
    extensions: { type: 'string', default: '1,10,50' },
    systemd: { type: 'string', default: '252,257,262' },
    by: { type: 'string', default: 'agent' },
    starts: { type: 'string', default: '0' },
    class: { type: 'string', default: 'sysext' },
  },
});

const installed = '/srv/sysext-agent';
const { program: tool, ...ofClass } = extensionClasses[values.class === 'confext' ? 'confext' : 'sysext'];
const [directory, watched] =
  ofClass.name === 'confext' ? ['/var/lib/confexts', '/etc/e0.conf'] : ['/var/lib/extensions', '/usr/share/e0/version'];

/** Each swap exchanges the image of one extension; the one that is watched is in every set. */
const exchange =
  `version=$((i % 2 + 1)); cp --reflink=auto /srv/e0-$version.raw ${directory}/.#e0; ` +
  `mv ${directory}/.#e0 ${directory}/e0.raw`;

type Way = 'agent' | 'program' | 'mounted' | 'bare';

const [swap, images] = ['swap', 'images'].map((name) => `${installed}/dist/sysext-agent-${name}`);

/** Each is a command of the shell. `refresh` of 260 and later does nothing where nothing has changed: here something has. */
function waysWith(others: readonly string[]): Readonly<Record<Way, string>> {
  const keys = ['e0-${version:-1}', ...others].join(' ');
  const mounted = ['erofs /srv/e0-${version:-1}.raw e0-${version:-1}', ...others.map(mountedOther)].join(' ');
  const offered = ['e0 e0-${version:-1}', ...others.map((name) => `${name} ${name}`)].join(' ');
  const refresh = `/usr/bin/${tool} refresh`;
  const ofThis = `--class=${ofClass.name}`;
  return {
    agent: `${installed}/bin/sysext-agent refresh ${ofThis}`,
    program: `${swap} ${ofThis} prepare ${refresh} && ${swap} ${ofThis} commit`,
    mounted:
      `${images} mount ${mounted} -- ${swap} prepare ${images} offer ${offered} -- ${refresh} && ` +
      `${swap} commit && ${images} keep ${keys}`,
    bare: `${tool} refresh`,
  };
}

type Ways = ReturnType<typeof waysWith>;

function mountedOther(name: string): string {
  return `erofs /var/lib/extensions/${name}.raw ${name}`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

interface Left {
  readonly mounts: number;
  readonly loops: number;
  readonly files: number;
  readonly managerKib: number;
  readonly freeKib: number;
}

async function leftIn(machine: Machine): Promise<Left> {
  const script = [
    'mounts=$(wc -l </proc/1/mountinfo)',
    'loops=$(cat /sys/block/loop*/loop/backing_file 2>/dev/null | grep -c -e extensions -e confexts -e /srv/e0 || true)',
    'files=$(ls /proc/1/fd | wc -l)',
    'manager=$(awk "/VmRSS/ { print \\$2 }" /proc/1/status)',
    'free=$(awk "/MemAvailable/ { print \\$2 }" /proc/meminfo)',
    'echo "{\\"mounts\\": $mounts, \\"loops\\": $loops, \\"files\\": $files, \\"managerKib\\": $manager, \\"freeKib\\": $free}"',
  ];
  return JSON.parse(await machine.shell(script.join('\n'))) as Left;
}

async function run(machine: Machine, ways: Ways, what: Way, swaps: number): Promise<readonly string[]> {
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
      `memory of PID 1 ${before.managerKib} -> ${after.managerKib} KiB, free ${before.freeKib} -> ${after.freeKib} KiB`,
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

/** Starts a program of an extension again and again while that is swapped; a shell and the program are from the tree. */
async function start(machine: Machine, ways: Ways, what: Way, seconds: number): Promise<number> {
  const script = [
    `(i=0; while :; do i=$((i + 1)); ${exchange}; { ${ways[what]}; } >/dev/null 2>&1; echo >>/run/swapped; done) & swapping=$!`,
    `starts=0 failures=0; : >/run/swapped; end=$((SECONDS + ${seconds}))`,
    'while test $SECONDS -lt $end; do',
    '  starts=$((starts + 1)); e0-start 2>/dev/null || failures=$((failures + 1))',
    'done',
    'kill $swapping; wait $swapping || true',
    'echo "$starts $failures $(wc -l </run/swapped)"',
  ];
  const told = await machine.shell(script.join('\n'), { timeoutMs: (seconds + 120) * 1000 });
  const [starts = 0, failures = 0, swapped = 0] = told.trim().split(' ').map(Number);
  say(`  ${what.padEnd(8)}started ${starts} times during ${swapped} swaps, ${failures} of them failed`);
  return failures;
}

/** The image of the extension that is exchanged and watched. */
function watchedImage(version: string): Buffer {
  if (ofClass.name === 'confext') return confextImage('e0', version);
  return erofsImage({
    ...releaseOf('e0'),
    'usr/share/e0/version': `${version}\n`,
    'usr/bin/e0-start': '#!/bin/sh\nexit 0\n',
  });
}

function imageOf(name: string): Buffer {
  return ofClass.name === 'confext' ? confextImage(name) : extensionImage(name);
}

const by = (['program', 'mounted'] as const).find((way) => way === values.by) ?? 'agent';
const swaps = Number(values.swaps);
const problems: string[] = [];
for (const systemd of values.systemd.split(',').map(Number) as (252 | 254 | 257 | 262)[]) {
  for (const count of values.extensions.split(',').map(Number)) {
    say(`systemd ${systemd}, ${count} extensions`);
    await using machine = await bootMachine({ systemd });
    await installWatcher(machine);
    const others = Array.from({ length: count - 1 }, (_, index) => `e${index + 1}`);
    const ways = waysWith(others);
    await putFiles(machine, directory, {
      ...Object.fromEntries(others.map((name) => [`${name}.raw`, imageOf(name)])),
      'e0.raw': watchedImage('1'),
    });
    await putFiles(machine, '/srv', {
      'e0-1.raw': watchedImage('1'),
      'e0-2.raw': watchedImage('2'),
    });
    await machine.shell(`${tool} merge`);
    await machine.shell(`{ ${ways[by]}\n} >/dev/null 2>&1`);
    problems.push(...(await run(machine, ways, by, swaps)));
    problems.push(...(await run(machine, ways, 'bare', Math.min(20, swaps))));
    if (Number(values.starts) === 0) continue;
    const failures = await start(machine, ways, by, Number(values.starts));
    if (failures > 0) problems.push(`${by}: ${failures} starts failed`);
    await start(machine, ways, 'bare', Math.min(20, Number(values.starts)));
  }
}
for (const problem of problems) say(`problem: ${problem}`);
process.exitCode = problems.length === 0 ? 0 : 1;
