import { fleetConfiguration } from '../../src/agent/fleet/configuration.ts';
import { fleetDecision } from '../../src/agent/fleet/decision.ts';
import { parseVersionRange } from '../../src/core/version-range.ts';
import { systemdVersion } from '../../src/core/systemd-version.ts';
import { choose } from '../../src/published/choice.ts';
import type { Offer, Publisher } from '../../src/published/publisher.ts';

export const extension = 'wasmtime';
const repository = `oci://registry.example.org/extensions/${extension}`;
const name = '60-wasmtime.yml';

/** What the drop-in of a wave asks for, and what the agent makes of that. */
export interface FleetWish {
  /** Whether a host that has this version has to change. */
  replaces(version: string): boolean;
  /** What it finds when it looks for a newer version. */
  readonly newest: string;
}

/** @param range as the drop-in has it. */
export async function wishFor(range: string, published: readonly string[]): Promise<FleetWish> {
  const text = `extensions: {${extension}: {from: "${repository}", version: "${range}"}}`;
  const dropIn = { kind: 'file', name, path: `/etc/sysext-agent/extensions.d/${name}`, text } as const;
  const configuration = fleetConfiguration({ dropIns: [dropIn], closed: [], anyDirectory: true });
  const [wanted] = fleetDecision({ configuration, installed: [] }).verdicts;
  if (wanted?.action !== 'install') throw new Error(`the drop-in asks for nothing: ${text}`);
  const { owner } = wanted;
  const actions = new Map<string, string | undefined>();
  const actionOn = (version: string) =>
    fleetDecision({ configuration, installed: [{ name: extension, version, owner }] }).verdicts[0]?.action;
  return {
    replaces: (version) => {
      if (!actions.has(version)) actions.set(version, actionOn(version));
      return actions.get(version) === 'replace';
    },
    newest: await newestIn(range, published),
  };
}

async function newestIn(range: string, published: readonly string[]): Promise<string> {
  const parsed = parseVersionRange(range);
  if (!('value' in parsed)) throw new Error(parsed.problem);
  const host = { fields: { ID: 'debian' }, scope: 'system', architecture: 'x86-64' } as const;
  const wanted = { name: extension, range: parsed.value, host: { ...host, systemd: systemdVersion(257, 13) } };
  const { offer } = await choose(publisherOf(published), wanted);
  return offer.version.version;
}

function publisherOf(published: readonly string[]): Publisher {
  const nothing = () => Promise.reject(new Error('a simulation fetches nothing'));
  return {
    place: repository,
    versions: () => Promise.resolve(published.map((version) => ({ version, key: version }))),
    describe: (version) => {
      const blob = { sha256: version.version, compression: 'none', form: 'raw' } as const;
      const offer: Offer = { version, reference: `${repository}:${version.key}`, name: extension, blob };
      return Promise.resolve({ kind: 'offer', offer });
    },
    vouch: nothing,
    fetch: nothing,
  };
}
