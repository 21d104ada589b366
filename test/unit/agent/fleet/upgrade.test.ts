import { describe, expect, test } from 'vitest';

import { fleetConfiguration } from '../../../../src/agent/fleet/configuration.ts';
import { fleetDecision } from '../../../../src/agent/fleet/decision.ts';
import { owned } from '../../../../src/agent/fleet/desired.ts';
import { leftOut, upgradeDecision, type UpgradeSelection } from '../../../../src/agent/fleet/upgrade.ts';
import type { InstalledExtension } from '../../../../src/agent/records.ts';

const directory = '/etc/sysext-agent/extensions.d';

function configured(text: string) {
  const dropIn = { kind: 'file', name: '50-all.yml', path: `${directory}/50-all.yml`, text } as const;
  return fleetConfiguration({ dropIns: [dropIn], closed: [], anyDirectory: true });
}

const wanted = configured(`extensions:
  jq: {spec: /srv/jq.yml}
  tools: {image: /srv/tools.raw}
  pinned: {spec: /srv/pinned.yml, hold: true}
  fresh: {spec: /srv/fresh.yml}
  gone: {state: absent}
  mine: {image: /srv/mine.raw}
`);

const record = (name: string, more: Partial<InstalledExtension> = {}): InstalledExtension => ({
  name,
  version: '1',
  sha256: name,
  size: 1,
  kind: 'raw',
  source: `${name}.yml for trixie`,
  release: '',
  installedAt: new Date(0),
  allowed: [],
  ...more,
});

/** As it is recorded after the drop-ins were carried out. */
function ofFleet(name: string): InstalledExtension {
  const { verdicts } = fleetDecision({ configuration: wanted, installed: [] });
  const verdict = verdicts.find((one) => one.name === name);
  return record(name, verdict?.action === 'install' ? { owner: verdict.owner } : {});
}

const installed = [...['jq', 'pinned', 'tools'].map(ofFleet), record('mine')];

const decided = (selection: Partial<UpgradeSelection> = {}, set = installed) =>
  upgradeDecision({ configuration: wanted, installed: owned(set) }, { held: [], ...selection }).verdicts.map(
    ({ name, action }) => `${action} ${name}`,
  );

describe('an upgrade', () => {
  test('makes anew what the drop-ins have installed, and neither installs nor removes anything', () => {
    expect(decided()).toEqual(['replace jq', 'replace tools']);
    expect(decided({}, [...installed, record('gone', { owner: { kind: 'unknown' } })])).toEqual([
      'replace jq',
      'replace tools',
    ]);
  });

  test('takes what the drop-ins say now where that is something else', () => {
    const old = record('jq', { owner: { kind: 'fleet', files: ['50-all.yml'], definition: 'something else' } });
    expect(decided({}, [old])).toEqual(['replace jq']);
  });

  test('is about the names that were asked for', () => {
    expect(decided({ names: ['tools'] })).toEqual(['replace tools']);
    expect(decided({ names: ['mine', 'pinned'] })).toEqual([]);
  });

  test('leaves out what is held, by a person or by a drop-in', () => {
    expect(decided({ held: ['tools'] })).toEqual(['replace jq']);
  });

  test('is made of the same as before, so that the next pass changes nothing', () => {
    const { verdicts } = upgradeDecision({ configuration: wanted, installed: owned(installed) }, { held: [] });
    const [jq] = verdicts;
    expect(jq).toMatchObject({ owner: installed[0]?.owner });
  });

  test('names what it leaves out, and says why', () => {
    const left = (selection: Partial<UpgradeSelection> = {}) =>
      leftOut({ configuration: wanted, installed: owned(installed) }, installed, { held: [], ...selection });
    expect(left({ held: ['tools'] })).toEqual([
      'pinned stays as it is: it is held by the drop-ins',
      'tools stays as it is: it is held, `sysext-agent unhold tools` ends that',
      'mine stays as it is: it was installed from mine.yml for trixie, and where to find that again is not recorded: `sysext-agent install` takes a newer one',
    ]);
    expect(left({ names: ['jq'] })).toEqual([]);
  });

  test('looks again where a person fetched an image, with what they allowed and the versions they asked for', () => {
    const place = 'oci://registry.example.org/yq';
    const published = { from: place, versions: '4.*', place, blob: 'ab', vouchedBy: 'cosign key fleet.pub' };
    const allowed = [{ rule: 'setuid', by: '--allow', paths: ['/usr/bin/yq'], count: 1 }];
    const set = [
      record('yq', { published, allowed }),
      record('zz', { published: { ...published, from: `${place}@sha256:${'a'.repeat(64)}` } }),
    ];
    const { verdicts } = upgradeDecision({ configuration: wanted, installed: owned(set) }, { held: [] });

    expect(verdicts).toMatchObject([
      {
        name: 'yq',
        action: 'replace',
        owner: { kind: 'person' },
        wish: {
          source: { kind: 'reference', reference: { registry: 'registry.example.org', repository: 'yq' } },
          version: { text: '4.*' },
          allow: [{ rule: 'setuid', by: '--allow' }],
        },
      },
    ]);
    expect(decided({ held: ['yq'] }, set)).toEqual([]);
  });
});
