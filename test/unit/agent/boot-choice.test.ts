import { describe, expect, test } from 'vitest';

import { counted } from '../../../src/agent/boot-attempts.ts';
import { chooseAtBoot, chooseSound, type BootChoice, type BootFacts } from '../../../src/agent/boot-choice.ts';
import type { Generation, InstalledExtension } from '../../../src/agent/records.ts';
import { parseSystemdVersion } from '../../../src/core/systemd-version.ts';

const now = new Date('2026-01-02T03:04:05Z');
const [old, next, any] = ['ID=debian\nVERSION_ID=12\n', 'ID=debian\nVERSION_ID=13\n', 'ID=_any\n'];

function extension(name: string, version: string, release = any): InstalledExtension {
  const sha256 = `${name}${version}`;
  return { name, version, sha256, size: 1, kind: 'raw', source: '', release, installedAt: now, allowed: [] };
}

function generation(number: number, ...extensions: readonly InstalledExtension[]): Generation {
  return { number, state: 'superseded', madeAt: now, extensions };
}

const [a, a2, b, c] = [extension('a', '1'), extension('a', '2'), extension('b', '1'), extension('c', '1')];
const [x12, x13, y12] = [extension('x', '12', old), extension('x', '13', next), extension('y', '12', old)];

function chosen(facts: Partial<BootFacts>, versionId = '13'): BootChoice {
  return chooseAtBoot(factsOf(facts, versionId));
}

function factsOf(facts: Partial<BootFacts>, versionId = '13'): BootFacts {
  return {
    host: {
      fields: { ID: 'debian', VERSION_ID: versionId },
      scope: 'system',
      architecture: 'x86-64',
      systemd: parseSystemdVersion('systemd 257 (257.13)')!,
    },
    active: undefined,
    attempts: 1,
    confirmed: [],
    parents: [],
    lastConfirmedBoot: undefined,
    kept: [],
    prefetched: [],
    stored: new Set([a, a2, b, c, x12, x13, y12].map(({ sha256 }) => sha256)),
    bad: [],
    held: [],
    ...facts,
  };
}

/** `a 1, x 12 (left out)`. */
function set({ extensions, leftOut }: BootChoice): string {
  const out = (name: string) => (leftOut.some((one) => one.name === name) ? ' (left out)' : '');
  return extensions.map(({ name, version }) => `${name} ${version}${out(name)}`).join(', ');
}

const prefetchedX = { os: 'debian 13', extension: x13 };
const damaged = (sha256: string) => [{ sha256, name: '', kind: 'damaged', reason: '', since: now } as const];

describe('the images of a boot', () => {
  test.each<[what: string, facts: Partial<BootFacts>, expected: string]>([
    ['nothing was ever installed', {}, ''],
    ['all fit', { active: generation(1, a, b) }, 'a 1, b 1'],
    ['one does not fit: it is left out', { active: generation(1, a, x12) }, 'a 1, x 12 (left out)'],
    ['one was prefetched for this system', { active: generation(1, x12), prefetched: [prefetchedX] }, 'x 13'],
    [
      'one was prefetched for this system, and that in place fits as well',
      { active: generation(1, a), prefetched: [{ os: 'debian 13', extension: a2 }] },
      'a 2',
    ],
    [
      'one was prefetched for another system, and that in place fits',
      { active: generation(1, a), prefetched: [{ os: 'debian 14', extension: a2 }] },
      'a 1',
    ],
    [
      'the one that was prefetched is gone',
      { active: generation(1, x12), prefetched: [prefetchedX], stored: new Set(['x12']) },
      'x 12 (left out)',
    ],
    [
      'the one that was prefetched is bad',
      { active: generation(1, x12), prefetched: [prefetchedX], bad: damaged('x13') },
      'x 12 (left out)',
    ],
    ['an earlier one fits', { active: generation(2, x12), kept: [generation(2, x12), generation(1, x13)] }, 'x 13'],
    ['it is held', { active: generation(1, x12), prefetched: [prefetchedX], held: ['x'] }, 'x 12 (left out)'],
  ])('%s', (_, facts, expected) => {
    expect(set(chosen(facts))).toBe(expected);
  });

  test('that are left out are named with the reason', () => {
    const { leftOut, givenUp, replaced } = chosen({ active: generation(1, x12) });

    const reason = 'it is for VERSION_ID=12, this host has VERSION_ID=13';
    expect({ leftOut, givenUp, replaced }).toEqual({
      leftOut: [{ name: 'x', version: '12', reason }],
      givenUp: undefined,
      replaced: [],
    });
  });

  test('belong to whom the extension belongs', () => {
    const owner = { kind: 'fleet', files: ['50-x.yml'], definition: 'd' } as const;
    const choice = chosen({ active: generation(2, { ...x12, owner }), kept: [generation(1, x13)] });

    expect(choice.extensions).toMatchObject([{ sha256: 'x13', owner }]);
  });

  test.each([
    ['is in place now', '13', [prefetchedX]],
    ['is for a system that is over', '14', [prefetchedX]],
    ['is for a system that is to come', '12', []],
  ])('what was prefetched and %s', (_, versionId, spent) => {
    expect(chosen({ active: generation(1, x12), prefetched: [prefetchedX] }, versionId).spent).toEqual(spent);
  });
});

describe('a generation that boots did not come up well with', () => {
  const active = { ...generation(5, a2, b), state: 'active' as const };
  const confirmedBoot = { generation: 1 };
  const good = generation(2, a);
  const failing: Partial<BootFacts> = { active, attempts: 4, lastConfirmedBoot: confirmedBoot };

  test.each<[what: string, facts: Partial<BootFacts>, expected: string, to: number | undefined | 'kept']>([
    ['has three boots', { attempts: 3, confirmed: [good] }, 'a 2, b 1', 'kept'],
    ['is left for the last confirmed one', { confirmed: [good, generation(1, c)] }, 'a 1', 2],
    ['is left for a confirmed one without extensions', { confirmed: [generation(2)] }, '', 2],
    ['is kept where no boot was ever confirmed', { lastConfirmedBoot: undefined, parents: [good] }, 'a 2, b 1', 'kept'],
    ['is kept where the same images came up well', { confirmed: [generation(3, b, a2)] }, 'a 2, b 1', 'kept'],
    ['is left for the nearest parent where none was confirmed', { parents: [generation(4, c), good] }, 'c 1', 4],
    ['passes over a parent that does not fit', { parents: [generation(4, x12), good] }, 'a 1', 2],
    ['passes over a parent that has the same images', { parents: [generation(4, a2, b), good] }, 'a 1', 2],
    ['passes over the empty parent', { parents: [generation(4), good] }, 'a 1', 2],
    ['is kept where the only parent is empty', { parents: [generation(4)] }, 'a 2, b 1', 'kept'],
    [
      'is left for nothing where a boot with nothing came up',
      { lastConfirmedBoot: { generation: undefined } },
      '',
      undefined,
    ],
  ])('%s', (_, facts, expected, to) => {
    const choice = chosen({ ...failing, ...facts });

    expect(set(choice)).toBe(expected);
    expect(choice.givenUp === undefined ? 'kept' : choice.givenUp.to).toBe(to);
    const isDue = (facts.attempts ?? 4) > 3;
    expect(choice.keptAlthough !== undefined).toBe(isDue && to === 'kept');
  });

  test('has its images refused that were in no set which came up well', () => {
    const { givenUp } = chosen({ ...failing, confirmed: [good, generation(1, b)] });

    expect(givenUp).toEqual({
      number: 5,
      to: 2,
      refused: [a2],
      reason: '3 boots with generation 5 did not come up well: back to generation 2',
    });
  });

  test('does not come back with an image that is refused', () => {
    const facts = { active: generation(3, x13), confirmed: [generation(1, x12)], kept: [generation(3, x13)] };

    expect(set(chosen({ ...failing, ...facts, prefetched: [prefetchedX] }))).toBe('x 12 (left out)');
  });
});

test('boots are counted once each, and anew for another generation', () => {
  const first = counted(undefined, 'one', 1);
  const second = counted(first, 'two', 1);

  expect(first).toEqual({ bootId: 'one', generation: 1, attempts: 1 });
  expect(counted(first, 'one', 1)).toEqual(first);
  expect(second).toEqual({ bootId: 'two', generation: 1, attempts: 2 });
  expect(counted(second, 'two', 2)).toEqual({ bootId: 'two', generation: 2, attempts: 1 });
  expect(counted({ ...second, attempts: 0 }, 'three', 1)).toMatchObject({ attempts: 1 });
  expect(counted(undefined, 'one', undefined)).toEqual({ bootId: 'one', attempts: 1 });
});

describe('an image that is damaged in the store', () => {
  const without = (...damaged: readonly string[]) => {
    const asked: string[] = [];
    const isSound = ({ sha256 }: InstalledExtension) => {
      asked.push(sha256);
      return !damaged.includes(sha256);
    };
    const choose = (facts: Partial<BootFacts>) => chooseSound(factsOf(facts), isSound);
    return { choose, asked };
  };
  const failing: Partial<BootFacts> = {
    active: generation(5, a2, b),
    attempts: 4,
    lastConfirmedBoot: { generation: 1 },
    confirmed: [generation(4, a), generation(3, c), generation(2, b)],
  };

  test('has the way back lead to the next confirmed set', () => {
    expect(without('a1').choose(failing)).toMatchObject({ extensions: [c], givenUp: { to: 3 } });
    expect(without('a1', 'c1').choose(failing)).toMatchObject({ extensions: [b], givenUp: { to: 2 } });
  });

  test('has the set stay where none is left', () => {
    const only = { ...failing, confirmed: [generation(4, a)] };

    expect(without('a1').choose(only)).toMatchObject({ extensions: [a2, b], givenUp: undefined });
    expect(without('a1').choose(only).keptAlthough).toContain('there is no other one to go back to');
  });

  test('that was prefetched is not waited for', () => {
    const facts = { active: generation(1, x12), prefetched: [prefetchedX] };

    expect(set(without('x13').choose(facts))).toBe('x 12 (left out)');
  });

  test('is looked for only where something comes in', () => {
    const { choose, asked } = without();
    choose({ active: generation(1, a, b) });

    expect(asked).toEqual([]);
  });
});
