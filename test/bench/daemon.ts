import { bundled } from '../integration/support/bundled.ts';
import { extensionImage, putBytes } from '../integration/support/images.ts';
import { serviceMachine, shown, untilShown } from '../integration/support/service-machine.ts';
import type { Machine } from '../lab/machine.ts';
import { print, ratio, type Result } from './result.ts';
import { median } from './timing.ts';

/**
 * Measures the service, in a machine of its own: `node test/bench/daemon.ts [RUNS]`, as root, with the bundle of `npm run
 * bundle`. What it is held against is measured in the same machine, in turn.
 */

const runs = Number(process.argv[2] ?? 9);
const node = '/srv/sysext-agent/node_modules/.bin/node';
const drops = '/etc/sysext-agent/extensions.d';

async function residentKib(machine: Machine, pid: string): Promise<number> {
  return Number(await shown(machine, `sed -n 's/^VmRSS:[^0-9]*\\([0-9]*\\).*/\\1/p' /proc/${pid}/status`));
}

/** (k): what the service takes when it has done something, and rests. */
async function idleResult(machine: Machine): Promise<Result> {
  const bare = (await machine.shell(`${node} -e 'setInterval(() => {}, 1e9)' >/dev/null 2>&1 & echo $!`)).trim();
  const pid = await shown(machine, 'systemctl show --value -p MainPID sysext-agent');
  const wakeUps = `cat /proc/{${pid},${bare}}/task/*/status | grep ^voluntary`;
  await untilShown(machine, `a=$(${wakeUps}); sleep 10; [ "$a" = "$(${wakeUps})" ] && echo rests`, 'rests');
  const [ours, floor] = [await residentKib(machine, pid), await residentKib(machine, bare)];
  await machine.shell(`kill ${bare}`);
  const what = `(k) memory of the service at rest, ${(ours / 1024).toFixed(1)} MiB, / bare node, ${(floor / 1024).toFixed(1)} MiB`;
  return { what, ours: NaN, floor: undefined, figure: (ours / floor).toFixed(2), limit: '1.60' };
}

/** (l): from a drop-in that is there to its extension that is, against the tool alone. */
async function changeResult(machine: Machine, probe: string): Promise<Result> {
  const ours: number[] = [];
  const floor: number[] = [];
  for (let run = 0; run <= runs; run++) {
    const told = JSON.parse(await machine.shell(`${probe} latencyOfChange ${run} /srv/cycled-%.raw`)) as {
      ours: number;
      floor: number;
    };
    if (run === 0) continue;
    ours.push(told.ours);
    floor.push(told.floor);
  }
  const difference = median(ours) - median(floor);
  const what = '(l) a changed drop-in until it is merged - systemd-sysext refresh';
  return { what, ours: median(ours), floor: median(floor), figure: `${difference.toFixed(0)} ms`, limit: '400 ms' };
}

/** Bare node, in the same place of the same boot. */
const bareUnit = `[Unit]
DefaultDependencies=no
After=local-fs.target sysext-agent-boot.service
Before=sysinit.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${node} -e 0
[Install]
WantedBy=sysinit.target
`;

/** (n): what chooses the extensions of a boot that changes nothing, by the time that systemd says its process took. */
async function bootResult(machine: Machine): Promise<Result> {
  const unit = 'sysext-agent-boot.service';
  await machine.copyIn(`${import.meta.dirname}/../../systemd-units/${unit}`, `/etc/systemd/system/${unit}`);
  await machine.write('/etc/systemd/system/bare.service', bareUnit);
  await machine.shell(`systemctl disable --quiet sysext-agent; systemctl enable --quiet ${unit} bare.service`);
  const took = async (name: string) => {
    const times = 'systemctl show --value -p ExecMainStartTimestampMonotonic -p ExecMainExitTimestampMonotonic';
    const [begun = NaN, ended = NaN] = (await machine.shell(`${times} ${name}`)).trim().split('\n').map(Number);
    return (ended - begun) / 1000;
  };
  const [ours, floor]: [number[], number[]] = [[], []];
  for (let run = 0; run <= runs; run++) {
    await machine.reboot();
    if (run === 0) continue;
    ours.push(await took(unit));
    floor.push(await took('bare.service'));
  }
  return ratio('(n) sysext-agent-boot.service, where nothing changes, / node -e 0', median(ours), median(floor), 3);
}

/** (m): many drop-ins that ask for nothing. */
async function manyResult(machine: Machine): Promise<Result> {
  await machine.shell(`
    systemctl stop sysext-agent
    for i in $(seq 1000); do printf 'extensions:\\n  e%s:\\n    state: absent\\n' $i >${drops}/70-$i.yml; done`);
  const timed = async (command: string) => {
    const times: number[] = [];
    for (let run = 0; run <= runs; run++) {
      const told = await machine.shell(`TIMEFORMAT=%R; { time ${command} >/dev/null 2>&1; } 2>&1`);
      if (run > 0) times.push(Number(told) * 1000);
    }
    return median(times);
  };
  const ours = await timed('/srv/sysext-agent/bin/sysext-agent apply --fleet');
  const floor = await timed(`${node} -e 0`);
  const what = '(m) 1,000 drop-ins reconciled with nothing to do / node -e 0';
  return { what, ours, floor, figure: (ours / floor).toFixed(1), limit: '10.0' };
}

await using machine = await serviceMachine(262);
for (const version of ['1', '2']) {
  await putBytes(machine, `/srv/cycled-${version}.raw`, extensionImage('cycled', version));
}
const probe = (await bundled(machine, 'test/integration/support/service-probe.ts')).join(' ');
await machine.write(`${drops}/50-cycled.yml`, 'extensions:\n  cycled:\n    image: /srv/cycled-2.raw\n');
await machine.shell('systemctl enable --now sysext-agent');
await untilShown(machine, 'cat /usr/share/cycled/version', '2');
const results = [
  await idleResult(machine),
  await changeResult(machine, probe),
  await manyResult(machine),
  await bootResult(machine),
];
print(results);
