import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { fleetConfiguration, type FleetConfiguration } from '../../../../src/agent/fleet/configuration.ts';
import { fleetDecision } from '../../../../src/agent/fleet/decision.ts';
import { definitionOf } from '../../../../src/agent/fleet/definition.ts';
import { refusalForPerson, type OwnedExtension } from '../../../../src/agent/fleet/owner.ts';
import { renderError } from '../../../../src/core/errors.ts';
import type { CheckedDropIn } from '../../../../src/host/checked-drop-ins.ts';

type Files = Readonly<Record<string, string>>;

function configured(files: Files, options: { closed?: boolean; anyDirectory?: boolean } = {}): FleetConfiguration {
  const { closed = false, anyDirectory = true } = options;
  const dropIns = Object.entries(files).map(([name, text]): CheckedDropIn => {
    const path = `/etc/${name}`;
    if (name.endsWith('.yaml')) return { name, path, kind: 'refused', why: 'its name is wrong' };
    return text === '' ? { name, path, kind: 'mask' } : { name, path, kind: 'file', text };
  });
  return fleetConfiguration({ dropIns, closed: closed ? [{ path: '/etc/x.d', why: 'no' }] : [], anyDirectory });
}

const jq = (fields: string) => `extensions: {jq: {image: /srv/jq.raw${fields}}}\n`;

function person(name: string): OwnedExtension {
  return { name, version: '1.6', owner: { kind: 'person' } };
}

/** An extension that was installed as this drop-in says. */
function ofFleet(name: string, file: string, text: string, version = '1.6'): OwnedExtension {
  const [extension] = configured({ [file]: text }).extensions;
  if (extension?.meaning.kind !== 'wanted') throw new Error('nothing is wanted');
  return { name, version, owner: { kind: 'fleet', files: [file], definition: definitionOf(extension.meaning.wish) } };
}

/** Every verdict as `action name: reason`. */
function verdicts(files: Files, installed: readonly OwnedExtension[], options: Parameters<typeof configured>[1] = {}) {
  const decision = fleetDecision({ configuration: configured(files, options), installed });
  return decision.verdicts.map(({ action, name, reason }) => `${action} ${name}: ${reason}`);
}

describe('what the drop-ins want', () => {
  test('is installed where it is not there, with its owner for the record', () => {
    const configuration = configured({ '50-jq.yml': jq('') });
    const [verdict] = fleetDecision({ configuration, installed: [] }).verdicts;

    expect(verdict).toMatchObject({
      action: 'install',
      name: 'jq',
      reason: 'it is asked for by 50-jq.yml',
      wish: { source: { kind: 'image', path: '/srv/jq.raw' } },
      owner: { kind: 'fleet', files: ['50-jq.yml'] },
    });
  });

  test('has the files for owners whose words count', () => {
    const files = { '10.yml': jq(', hold: true'), '20.yml': jq(''), '30.yml': 'extensions: {jq: {version: 2}}\n' };
    const [verdict] = fleetDecision({ configuration: configured(files), installed: [] }).verdicts;

    expect(verdict).toMatchObject({
      reason: 'it is asked for by 20.yml, 30.yml',
      owner: { files: ['20.yml', '30.yml'] },
    });
  });

  test.each<[what: string, fields: string, verdict: string]>([
    ['is kept as it is', '', 'keep jq: it is as asked for by 50-jq.yml'],
    ['is kept where its version is in the range', ', version: 1.*', 'keep jq: it is as asked for by 50-jq.yml'],
    ['is replaced where it is not', ', version: "1.7.*"', 'replace jq: its version 1.6 and 1.7.* is wanted'],
    ['is kept where it is held', ', version: "1.7.*", hold: true', 'keep jq: it is held by the drop-ins'],
    ['is removed where it is to be absent', ', state: absent', 'remove jq: /etc/50-jq.yml:1 asks for its absence'],
    ['is kept where only other things changed', ', allow: [setuid]', 'keep jq: it is as asked for by 50-jq.yml'],
  ])('%s: %j', (_, fields, verdict) => {
    expect(verdicts({ '50-jq.yml': jq(fields) }, [ofFleet('jq', '50-jq.yml', jq(''))])).toEqual([verdict]);
  });

  test.each([
    ['spec: /srv/jq.yml', 'spec: /srv/other.yml'],
    ['spec: /srv/jq.yml', 'image: /srv/jq.yml'],
    ['spec: /srv/jq.yml', 'spec: /srv/jq.yml, target: noble'],
    ['spec: /srv/jq.yml, args: {A: 1}', 'spec: /srv/jq.yml, args: {A: "1.0"}'],
    ['spec: {name: jq, version: 1.6}', 'spec: {name: jq, version: 1.7}'],
  ])('is replaced where %s became %s', (before, after) => {
    const [old, young] = [before, after].map((fields) => `extensions: {jq: {${fields}}}\n`);

    expect(verdicts({ 'a.yml': young! }, [ofFleet('jq', 'a.yml', old!)])).toEqual([
      'replace jq: its source or how it is built was changed',
    ]);
  });

  test('is the same where only its words are in another order or in another file', () => {
    const before = 'extensions: {jq: {spec: /srv/jq.yml, args: {A: 1, B: 2}}}\n';
    const after = 'extensions:\n  jq:\n    args: {B: "2", A: "1"}\n    spec: "/srv/jq.yml"\n';

    expect(verdicts({ 'b.yml': after }, [ofFleet('jq', 'a.yml', before)])).toEqual([
      'keep jq: it is as asked for by b.yml',
    ]);
  });

  test('is absent already', () => {
    expect(verdicts({ 'a.yml': jq(', state: absent') }, [])).toEqual([
      'keep jq: it is not there, as asked for by /etc/a.yml:1',
    ]);
  });

  test('takes over what nobody knows the owner of', () => {
    const found: OwnedExtension = { name: 'jq', version: '1.6', owner: { kind: 'unknown' } };

    expect(verdicts({ 'a.yml': jq('') }, [found])).toEqual(['replace jq: nobody knows what its image was made of']);
    expect(verdicts({ 'a.yml': 'extensions: {}\n' }, [found])).toEqual([]);
  });
});

describe('what a person installed', () => {
  test.each(['', ', state: absent', ', version: 9'])('is left alone, whatever a drop-in says: %j', (fields) => {
    expect(verdicts({ 'a.yml': jq(fields) }, [person('jq')])).toEqual([
      'leave jq: a person installed it: `sysext-agent remove jq` leaves it to the fleet',
    ]);
  });

  test('is nothing to the fleet where no drop-in is about it', () => {
    expect(verdicts({ 'a.yml': 'extensions: {}\n' }, [person('jq')])).toEqual([]);
    expect(verdicts({}, [person('jq')], { anyDirectory: false })).toEqual([]);
  });

  test('is the only thing that a person may change', () => {
    const refusal = refusalForPerson('remove', ofFleet('jq', '50-jq.yml', jq('')));

    expect(refusalForPerson('remove', person('jq'))).toBeUndefined();
    expect(refusal === undefined ? '' : renderError(refusal)).toBe(
      "cannot remove jq: it is installed by the fleet's 50-jq.yml\nNothing was changed.\n" +
        'Change it there, or in a later file: `extensions: {jq: {state: absent}}` in ' +
        '/etc/sysext-agent/extensions.d/90-local.yml takes it out.',
    );
  });
});

describe('what no drop-in is about any more', () => {
  const installed = [ofFleet('jq', '50-jq.yml', jq(''))];
  const other = { '60.yml': 'extensions: {zsh: {state: absent}}\n' };

  test('is removed', () => {
    expect(verdicts(other, installed)[0]).toBe('remove jq: no drop-in is about it; it was installed by 50-jq.yml');
  });

  test('stays where the file that it is from has problems', () => {
    const reason = 'leave jq: it was installed by 50-jq.yml, which has problems';

    expect(verdicts({ ...other, '50-jq.yml': 'extensions: {jq: {ima' }, installed)[0]).toBe(reason);
  });

  test('stays where its file was only given a wrong ending', () => {
    expect(verdicts({ ...other, '50-jq.yaml': jq('') }, installed)[0]).toBe(
      'leave jq: it was installed by 50-jq.yaml, which has problems',
    );
  });

  test('stays where not all files could be read', () => {
    expect(verdicts(other, installed, { closed: true })[0]).toBe('leave jq: not all drop-ins could be read');
  });
});

test('what is unclear stays as it is', () => {
  const files = { '50-jq.yml': jq(''), '90.yml': 'extensions: {jq: {version: v2}, new: {image: /srv/x}}\n' };

  expect(verdicts(files, [ofFleet('jq', '50-jq.yml', jq(', version: 9'))])).toEqual([
    'leave jq: /etc/90.yml is about it and has problems',
    'leave new: /etc/90.yml is about it and has problems',
  ]);
});

describe('where all drop-ins are gone', () => {
  const one = [ofFleet('jq', '50-jq.yml', jq(''))];
  const two = [...one, ofFleet('zsh', '60-zsh.yml', jq('').replace('jq:', 'zsh:'))];

  function decide(installed: readonly OwnedExtension[], files: Files, anyDirectory: boolean) {
    const { guard, verdicts: all } = fleetDecision({ configuration: configured(files, { anyDirectory }), installed });
    return { guarded: guard?.names, next: guard?.next, actions: all.map(({ action }) => action) };
  }

  test('the end of the only one is meant', () => {
    expect(decide(one, {}, true)).toMatchObject({ guarded: undefined, actions: ['remove'] });
  });

  test.each([
    ['several went at once', two, {}, true],
    ['several were masked at once', two, { '50-jq.yml': '', '60-zsh.yml': '' }, true],
    ['their directory went as well', one, {}, false],
  ])('and %s, nothing is removed until it is confirmed', (_, installed, files, anyDirectory) => {
    const { guarded, next, actions } = decide(installed, files, anyDirectory);

    expect(guarded).toEqual(installed.map(({ name }) => name));
    expect(actions).toEqual(installed.map(() => 'leave'));
    expect(next).toContain(`To have ${guarded?.join(', ') ?? ''} removed`);
    expect(next).toContain("echo 'extensions: {}' > /etc/sysext-agent/extensions.d/00-none.yml");
  });

  test('and that is confirmed as the message says, all is removed', () => {
    expect(decide(two, { '00-none.yml': 'extensions: {}\n' }, true)).toMatchObject({
      guarded: undefined,
      actions: ['remove', 'remove'],
    });
  });

  test.each([
    ['50-jq.yml', 'extens', ['zsh']],
    ['70-other.yml', 'extens', ['jq', 'zsh']],
    ['60-zsh.yaml', 'extensions: {}', ['jq']],
  ])('a file that cannot be used, %s, is no confirmation', (file, text, guarded) => {
    expect(decide(two, { [file]: text }, true)).toMatchObject({ guarded, actions: ['leave', 'leave'] });
  });

  test('there is nothing to guard where the fleet has installed nothing', () => {
    expect(decide([person('jq')], {}, false)).toEqual({ guarded: undefined, next: undefined, actions: [] });
  });
});

test('nothing of a person is ever removed or replaced, and every verdict has a reason', () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const owner = fc.oneof(
    fc.constant({ kind: 'person' } as const),
    fc.constant({ kind: 'unknown' } as const),
    fc.record({ kind: fc.constant('fleet' as const), files: fc.constant(['1.yml']), definition: fc.string() }),
  );
  const installed = fc.uniqueArray(fc.record({ name, version: fc.constantFrom('', '1', '2'), owner }), {
    selector: (extension) => extension.name,
  });
  const said = fc.constantFrom('{image: /x}', '{state: absent}', '{hold: true}', '{version: 2, image: /x}', '{bad: 1}');
  const file = fc
    .uniqueArray(fc.tuple(name, said), { selector: ([first]) => first })
    .map((all) => `extensions: {${all.map((words) => words.join(': ')).join(', ')}}\n`);
  const files = fc.dictionary(fc.constantFrom('1.yml', '2.yml'), fc.oneof(file, fc.constant('')));
  fc.assert(
    fc.property(files, installed, fc.boolean(), (all, set, anyDirectory) => {
      const decision = fleetDecision({ configuration: configured(all, { anyDirectory }), installed: set });
      for (const { name: about, action, reason } of decision.verdicts) {
        const kind = set.find((extension) => extension.name === about)?.owner.kind;
        expect(reason).not.toBe('');
        if (kind === 'person') expect(action).toBe('leave');
        if (action === 'install') expect(kind).toBeUndefined();
        if (action === 'remove' || action === 'replace') expect(['fleet', 'unknown']).toContain(kind);
      }
      expect(decision.verdicts.map((verdict) => verdict.name)).toEqual(
        decision.verdicts.map((verdict) => verdict.name).toSorted(),
      );
    }),
  );
});
