import { parseArgs } from 'node:util';

import { bundled } from '../integration/support/bundled.ts';
import { extensionImage, putBytes } from '../integration/support/images.ts';
import { serviceMachine, shown, untilShown } from '../integration/support/service-machine.ts';
import type { Sample } from '../integration/support/service-probe.ts';
import { installStrace, systemCallsOf } from '../integration/support/strace.ts';
import type { Machine } from '../lab/machine.ts';

/**
 * Lets the service work for a long time, and idle for a minute, and prints what it takes of the host: `node
 * test/endurance/daemon.ts [--passes=10000] [--changes=1000] [--idle=60]`, as root, with the bundle. Exits with 1 where
 * something grows, or where it does not rest.
 */

const parts = 20;
const nodePath = '/srv/sysext-agent/node_modules/.bin/node';
const drops = '/etc/sysext-agent/extensions.d';

const { values } = parseArgs({
  options: {
    passes: { type: 'string', default: '10000' },
    changes: { type: 'string', default: '1000' },
    idle: { type: 'string', default: '60' },
  },
});

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function row(what: string, { rssKib, descriptors, matchRules, historyBytes }: Sample): string {
  const cells = [
    `${(rssKib / 1024).toFixed(1)} MiB`,
    descriptors,
    matchRules,
    `${(historyBytes / 1024).toFixed(0)} KiB`,
  ];
  return [what.padEnd(24), ...cells.map((cell) => String(cell).padStart(12))].join('');
}

/** Takes a step of the probe in parts, and tells how it goes; returns what the service took after each. */
async function inParts(machine: Machine, probe: string, what: string, count: number, rest = ''): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let part = 1; part <= parts; part++) {
    const told = await machine.shell(`${probe} ${what} ${Math.ceil(count / parts)} ${rest}`, { timeoutMs: 3_600_000 });
    const last = (JSON.parse(told) as Sample[]).at(-1);
    if (last === undefined) throw new Error(told);
    samples.push(last);
    say(row(`${Math.ceil(count / parts) * part} ${what}`, last));
  }
  return samples;
}

/** What is more at the end than it was half-way: memory may be a tenth more, of all else there must be the same. */
function growth(what: string, samples: readonly Sample[]): string[] {
  const half = samples[Math.floor(samples.length / 2)];
  const last = samples.at(-1);
  if (half === undefined || last === undefined) return [`${what}: nothing was measured`];
  return [
    ...(last.rssKib > half.rssKib * 1.1 ? [`${what}: memory grew from ${half.rssKib} to ${last.rssKib} KiB`] : []),
    ...(last.descriptors > half.descriptors ? [`${what}: descriptors grew to ${last.descriptors}`] : []),
    ...(last.matchRules > half.matchRules ? [`${what}: match rules grew to ${last.matchRules}`] : []),
  ];
}

/** After work Node gives back memory for a while. @throws Error where it goes on for minutes. */
async function untilAtRest(machine: Machine, pid: string): Promise<void> {
  const wakeUps = `cat /proc/${pid}/task/*/status | grep ^voluntary`;
  await untilShown(machine, `before=$(${wakeUps}); sleep 10; [ "$before" = "$(${wakeUps})" ] && echo rests`, 'rests');
}

async function idleProblems(machine: Machine, seconds: number): Promise<string[]> {
  const bare = `${nodePath} -e 'setInterval(() => {}, 1e9)' >/dev/null 2>&1 & echo $!`;
  const pids = {
    service: await shown(machine, 'systemctl show --value -p MainPID sysext-agent'),
    node: (await machine.shell(bare)).trim(),
  };
  await untilAtRest(machine, pids.service);
  const service = await systemCallsOf(machine, pids.service, seconds);
  const node = await systemCallsOf(machine, pids.node, seconds);
  await machine.shell(`kill ${pids.node}`);
  const total = (calls: Readonly<Record<string, number>>) => Object.values(calls).reduce((sum, one) => sum + one, 0);
  say(`idle for ${seconds} s: ${total(service)} system calls ${JSON.stringify(service)}`);
  say(`bare node the same:  ${total(node)} system calls ${JSON.stringify(node)}`);
  return total(service) > total(node) + 10 ? ['the service does not rest'] : [];
}

const machine = await serviceMachine(262);
const problems: string[] = [];
try {
  for (const version of ['1', '2']) {
    await putBytes(machine, `/srv/cycled-${version}.raw`, extensionImage('cycled', version));
  }
  await installStrace(machine);
  const probe = (await bundled(machine, 'test/integration/support/service-probe.ts')).join(' ');
  await machine.shell('systemctl enable --now sysext-agent');
  await machine.write(`${drops}/50-cycled.yml`, 'extensions:\n  cycled:\n    image: /srv/cycled-2.raw\n');
  await untilShown(machine, 'cat /usr/share/cycled/version', '2');
  problems.push(...(await idleProblems(machine, Number(values.idle))));
  say(
    ['', ...['memory', 'descriptors', 'match rules', 'history'].map((cell) => cell.padStart(12))].join('').padStart(72),
  );
  const passes = await inParts(machine, probe, 'reconciles', Number(values.passes));
  const [first] = passes;
  if (first?.historyBytes !== passes.at(-1)?.historyBytes)
    problems.push('passes that change nothing wrote to the history');
  const changes = await inParts(machine, probe, 'changes', Number(values.changes), '/srv/cycled-%.raw');
  problems.push(...growth('passes', passes), ...growth('changes', changes));
} finally {
  await machine.stop();
}
for (const problem of problems) say(`problem: ${problem}`);
process.exitCode = problems.length === 0 ? 0 : 1;
