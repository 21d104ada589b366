import { expect, test } from 'vitest';

import { pathsBelow } from '../../../../src/agent/paths.ts';
import { watchConfiguration } from '../../../../src/agent/daemon/watched-configuration.ts';
import type { Watch, WatchEvents } from '../../../../src/host/watch.ts';
import { settled, standingClock } from '../../../support/clock.ts';

const note = pathsBelow('/').historyNote;
const dropIn = '/etc/sysext-agent/extensions.d/50-jq.yml';

async function watched({ ours }: { ours: boolean }) {
  const clock = standingClock();
  const pokes: string[] = [];
  const watches: { events: WatchEvents; current: boolean }[] = [];
  const watch = (_: readonly string[], events: WatchEvents): Promise<Watch> => {
    const one = { events, current: true };
    watches.push(one);
    return Promise.resolve({ isCurrent: () => one.current, [Symbol.asyncDispose]: () => Promise.resolve() });
  };
  const loop = { poke: (reason: string) => pokes.push(reason), wasOurs: () => ours };
  await watchConfiguration({ root: '/', clock, log: { tell: () => undefined }, watch }, loop);
  const change = async (path: string) => {
    watches.at(-1)?.events.changed(path);
    clock.move(200);
    await settled();
  };
  const replace = () => {
    for (const one of watches) one.current = false;
  };
  return { pokes, watches, change, replace };
}

test('what the service wrote itself calls for nothing', async () => {
  const { change, pokes } = await watched({ ours: true });
  await change(note);
  expect(pokes).toEqual([]);
});

test('changes of the history by others, and of files, call for a reconciliation', async () => {
  const { change, pokes } = await watched({ ours: false });
  await change(note);
  await change(dropIn);
  expect(pokes).toEqual(['extensions were changed by others', 'files changed']);
});

test('what changes while directories are watched anew is not missed', async () => {
  const { change, pokes, watches, replace } = await watched({ ours: true });
  replace();
  await change(note);
  expect(pokes).toEqual(['files may have changed while nothing watched them']);
  await change(note);
  expect({ pokes: pokes.length, watches: watches.length }).toEqual({ pokes: 1, watches: 2 });
});
