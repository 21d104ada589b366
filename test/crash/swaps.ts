import { parseArgs } from 'node:util';

import { extensionImage, putFiles } from '../integration/support/images.ts';
import { bootMachine } from '../lab/machine.ts';

/**
 * Kills the swap of what is merged at random instants: the command, or it and all that it runs. Each time what is merged
 * must be there, the old or the new, and the next operation must leave one overlay and nothing else. `node
 * test/crash/swaps.ts [--instants=100] [--seed=1] [--systemd=257]`, as root, with the bundle.
 */

const { values } = parseArgs({
  options: {
    instants: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    systemd: { type: 'string', default: '257' },
  },
});

const agent = '/srv/sysext-agent/bin/sysext-agent refresh --always-refresh';
const overlays = 'grep -c " /usr .* overlay sysext " /proc/self/mountinfo || true';

/** Processes are those of the machine: it has a namespace of its own for them. */
const script = `
cp /srv/a$2.raw /var/lib/extensions/.#a; mv /var/lib/extensions/.#a /var/lib/extensions/a.raw
${agent} >/run/killed.log 2>&1 & agent=$!
sleep $1
depth=$(${overlays}); before=$(cat /usr/share/a/version)
pkill -KILL -P $agent || true
kill -KILL $agent 2>/dev/null || true
test $3 = one || pkill -KILL -x sysext-agent-sw || true
wait $agent || true
echo "at $1 s, $3: before $before, overlays $depth, after the kill $(cat /usr/share/a/version), overlays $(${overlays})"
${agent} --wait=20 >/run/next.log 2>&1 || { cat /run/next.log; exit 1; }
test "$(${overlays})" = 1 || { echo "overlays: $(${overlays})"; exit 1; }
test "$(cat /usr/share/a/version)" = $2 || { echo not new; exit 1; }
test ! -e /run/sysext-agent/prepared || { echo prepared is left; exit 1; }
test "$(grep -c . /proc/self/mountinfo)" = "$(cat /run/mounts)" || { echo mounts are left; grep -n . /proc/self/mountinfo; exit 1; }
`;

/** The same numbers for the same seed (a linear congruential generator). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
}

await using machine = await bootMachine({ systemd: Number(values.systemd) as 252 | 254 | 257 | 262 });
const random = randomNumbers(Number(values.seed));
await putFiles(machine, '/srv', { 'a1.raw': extensionImage('a', '1'), 'a2.raw': extensionImage('a', '2') });
await machine.shell(`mkdir -p /var/lib/extensions; cp /srv/a1.raw /var/lib/extensions/a.raw; ${agent}`);
await machine.shell('grep -c . /proc/self/mountinfo >/run/mounts');
const start = performance.now();
await machine.shell(agent);
const longest = (performance.now() - start) / 1000;
let failures = 0;
for (let i = 0; i < Number(values.instants); i++) {
  const args = [(random() * longest).toFixed(3), String((i % 2) + 1), random() < 0.5 ? 'one' : 'all'];
  const { exitCode, stdout, stderr } = await machine.run(['bash', '-uc', script, 'kill', ...args]);
  process.stdout.write(stdout);
  if (exitCode === 0) continue;
  failures++;
  process.stdout.write(`problem: ${stderr}\n`);
}
process.stdout.write(`${values.instants} kills, ${failures} problems\n`);
process.exitCode = failures === 0 ? 0 : 1;
