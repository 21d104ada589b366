import { describe, expect, test } from 'vitest';

import { fleetConfiguration, type FleetConfiguration } from '../../../../src/agent/fleet/configuration.ts';
import { renderProblem } from '../../../../src/core/problems.ts';
import type { CheckedDropIn } from '../../../../src/host/checked-drop-ins.ts';

/** Drop-ins by their names; those without text are masks. */
function configured(files: Readonly<Record<string, string>>, ...more: readonly CheckedDropIn[]): FleetConfiguration {
  const dropIns = Object.entries(files).map(([name, text]): CheckedDropIn => {
    const path = `/etc/${name}`;
    return text === '' ? { name, path, kind: 'mask' } : { name, path, kind: 'file', text };
  });
  return fleetConfiguration({ dropIns: [...dropIns, ...more], closed: [], anyDirectory: true });
}

function meaningOf(configuration: FleetConfiguration, name: string) {
  return configuration.extensions.find((extension) => extension.name === name)?.meaning;
}

const base =
  'extensions:\n  jq:\n    spec: /srv/jq.yml\n    version: 1.6\n    args: {A: 1, B: 2}\n    allow: [setuid]\n';

test('one file says all', () => {
  const { extensions, files, problems } = configured({ '50-jq.yml': base });

  expect({ files, problems }).toEqual({ files: ['50-jq.yml'], problems: [] });
  expect(extensions).toHaveLength(1);
  expect(extensions[0]).toMatchObject({
    name: 'jq',
    meaning: {
      kind: 'wanted',
      wish: {
        source: { kind: 'spec', path: '/srv/jq.yml' },
        version: { text: '1.6' },
        args: { A: '1', B: '2' },
        allow: [{ rule: 'setuid', by: '/etc/50-jq.yml' }],
        hold: false,
      },
    },
  });
});

describe('of two files about one extension', () => {
  test('the later one counts, field by field, and arguments add up by name', () => {
    const later = 'extensions:\n  jq: {version: 1.7, args: {B: 3, C: 4}, hold: true}\n';
    const configuration = configured({ '50-jq.yml': base, '90-local.yml': later });

    expect(meaningOf(configuration, 'jq')).toMatchObject({
      wish: {
        source: { path: '/srv/jq.yml' },
        version: { text: '1.7' },
        args: { A: '1', B: '3', C: '4' },
        allow: [{ rule: 'setuid' }],
        hold: true,
      },
    });
    expect(configuration.extensions[0]?.layers.map(({ file }) => file)).toEqual(['50-jq.yml', '90-local.yml']);
  });

  test('one with a source begins anew: what was allowed for another image is not allowed for it', () => {
    const later = 'extensions: {jq: {from: "oci://registry.example.org/jq"}}\n';

    expect(meaningOf(configured({ '50-jq.yml': base, '90-local.yml': later }), 'jq')).toEqual({
      kind: 'wanted',
      wish: { source: expect.objectContaining({ kind: 'reference' }), args: {}, allow: [], health: [], hold: false },
    });
  });

  test('the later one can take the extension out, and a later one yet brings it back', () => {
    const out = { '50-jq.yml': base, '90-out.yml': 'extensions: {jq: {state: absent}}\n' };
    const back = { ...out, '95-back.yml': 'extensions: {jq: {state: present}}\n' };

    expect(meaningOf(configured(out), 'jq')).toMatchObject({
      kind: 'absent',
      by: { file: '/etc/90-out.yml', line: 1 },
    });
    expect(meaningOf(configured(back), 'jq')).toMatchObject({ kind: 'wanted', wish: { version: { text: '1.6' } } });
  });
});

describe('what does not go together', () => {
  test.each([
    ['zsh', 'hold: true', ':2:3: extensions.zsh: no file says where it comes from'],
    ['raw', 'target: trixie', ':2:17: extensions.raw.target: target is for what is built of a spec'],
    ['raw', 'args: {A: b}', ':2:19: extensions.raw.args: args is for what is built of a spec'],
    ['tag', 'version: 2', ':2:18: extensions.tag.version: the reference names one image'],
  ])('in several files is a problem of the extension: %s with %s', (name, field, problem) => {
    const first =
      'extensions:\n  raw: {image: /srv/x.raw}\n  tag: {from: "oci://a.example/b:1"}\n  ok: {image: /srv/ok}\n';
    const configuration = configured({ '50.yml': first, '90.yml': `extensions:\n  ${name}: {${field}}\n` });
    const problems = configuration.problems.map(renderProblem);

    expect(problems).toEqual([expect.stringContaining(`/etc/90.yml${problem}`)]);
    expect(problems[0]).toMatch(/\n {2}2 \| {3}.*\n.*\^$/);
    expect(meaningOf(configuration, name)).toMatchObject({ kind: 'unclear' });
    expect(meaningOf(configuration, 'ok')).toMatchObject({ kind: 'wanted' });
    expect(configuration.broken).toEqual([]);
  });

  test('is none where the extension is not to be there', () => {
    expect(configured({ 'a.yml': 'extensions: {jq: {state: absent}}\n' }).problems).toEqual([]);
  });
});

describe('a file with a problem', () => {
  const broken = 'extensions:\n  jq: {hold: perhaps}\n  new: {image: /srv/new.raw}\n';

  test('stops only itself: what it is about stays as it is', () => {
    const other = 'extensions: {zsh: {image: /srv/zsh.raw}}\n';
    const configuration = configured({ '50-jq.yml': base, '60-zsh.yml': other, '90-bad.yml': broken });

    expect(configuration.broken).toEqual(['90-bad.yml']);
    expect(configuration.files).toEqual(['50-jq.yml', '60-zsh.yml']);
    expect(configuration.problems.map(renderProblem)).toEqual([
      expect.stringContaining('/etc/90-bad.yml:2:14: extensions.jq.hold: expected true or false'),
    ]);
    expect(meaningOf(configuration, 'zsh')).toMatchObject({ kind: 'wanted' });
    for (const name of ['jq', 'new']) {
      expect(meaningOf(configuration, name)).toEqual({
        kind: 'unclear',
        why: '/etc/90-bad.yml is about it and has problems',
      });
    }
  });

  test('is no reason to find fault with the others', () => {
    const { problems } = configured({
      '50-base.yml': 'extensions: {jq: {imag: /srv/jq.raw}}\n',
      '90-local.yml': 'extensions: {jq: {hold: true}}\n',
    });

    expect(problems.map(({ position }) => position.file)).toEqual(['/etc/50-base.yml']);
  });

  test('that says nobody knows what is none, either', () => {
    const configuration = configured({
      '50-half.yml': 'extensions: {jq: {ima',
      '90.yml': 'extensions: {jq: {hold: true}}\n',
    });

    expect(new Set(configuration.problems.map(({ position }) => position.file))).toEqual(new Set(['/etc/50-half.yml']));
    expect(meaningOf(configuration, 'jq')).toEqual({
      kind: 'unclear',
      why: '/etc/90.yml:1: no file says where it comes from: give it a spec, an image or from',
    });
  });

  test('that is half-written is told with its place, and the rest goes on', () => {
    const configuration = configured({ '50-jq.yml': base, '60-half.yml': 'extensions:\n  zsh: {ima' });

    expect(configuration.problems[0]?.position).toMatchObject({ file: '/etc/60-half.yml', line: 2 });
    expect(meaningOf(configuration, 'jq')).toMatchObject({ kind: 'wanted' });
  });

  test('that cannot be read is one, too', () => {
    const refused = { name: 'x.yml', path: '/etc/x.yml', kind: 'refused', why: 'it is too big' } as const;
    const { problems, broken: files } = configured({}, refused);

    expect(problems.map(renderProblem)).toEqual(['/etc/x.yml:1:1: it is too big']);
    expect(files).toEqual(['x.yml']);
  });
});

test('masks are no files that say something', () => {
  expect(configured({ 'a.yml': '' })).toMatchObject({ files: [], broken: [], extensions: [], problems: [] });
});
