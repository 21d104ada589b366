import { expect, test } from 'vitest';

import type { HostRelease } from '../../../src/core/compatibility.ts';
import { systemdVersion } from '../../../src/core/systemd-version.ts';
import { parseVersionRange, type VersionRange } from '../../../src/core/version-range.ts';
import { choose } from '../../../src/published/choice.ts';
import type { Description, Offer, Publisher } from '../../../src/published/publisher.ts';

const host: HostRelease = {
  fields: { ID: 'debian', VERSION_ID: '13' },
  scope: 'system',
  architecture: 'x86-64',
  systemd: systemdVersion(257, 13),
};

const sha256 = 'a'.repeat(64);

/** A publisher of these versions; those that are described are counted. */
function publisherOf(offers: Readonly<Record<string, Partial<Offer> | string>>) {
  const described: string[] = [];
  const publisher: Publisher = {
    place: 'oci://registry.example.org/jq',
    versions: () => Promise.resolve(Object.keys(offers).map((version) => ({ version, key: version }))),
    describe: (version): Promise<Description> => {
      described.push(version.version);
      const said = offers[version.version] ?? {};
      if (typeof said === 'string') return Promise.resolve({ kind: 'passed-over', reason: said });
      const offer = { version, reference: `jq:${version.version}`, blob: { sha256, compression: 'none', form: 'raw' } };
      return Promise.resolve({ kind: 'offer', offer: { ...offer, ...said } as Offer });
    },
    vouch: () => Promise.reject(new Error('nobody is asked')),
    fetch: () => Promise.reject(new Error('nothing is fetched')),
  };
  return { publisher, described };
}

function range(text: string): VersionRange {
  const parsed = parseVersionRange(text);
  if (!('value' in parsed)) throw new Error(parsed.problem);
  return parsed.value;
}

test('the newest version is chosen, in the order of versions and not of texts', async () => {
  const { publisher, described } = publisherOf({ '1.9': {}, '1.10': {}, '1.10~rc1': {} });

  const { offer, passedOver } = await choose(publisher, { host });

  expect(offer.version.version).toBe('1.10');
  expect(passedOver).toEqual([]);
  expect(described).toEqual(['1.10']);
});

test('what does not fit is passed over, each with its reason', async () => {
  const { publisher } = publisherOf({
    '5': { architecture: 'arm64' },
    '4': { release: { ID: 'debian', VERSION_ID: '12' } },
    '3': { name: 'yq' },
    '2': 'it is no image of an extension',
    '1': { name: 'jq', architecture: 'x86-64', release: { ID: 'debian', VERSION_ID: '13' } },
  });

  const { offer, passedOver } = await choose(publisher, { host, name: 'jq' });

  expect(offer.version.version).toBe('1');
  expect(passedOver).toEqual([
    { version: '5', reason: 'it is for arm64' },
    { version: '4', reason: 'it is for VERSION_ID=12, this host has VERSION_ID=13' },
    { version: '3', reason: 'it is the extension yq' },
    { version: '2', reason: 'it is no image of an extension' },
  ]);
});

test('only versions in the range are looked at', async () => {
  const { publisher, described } = publisherOf({ '3': {}, '2.1': {}, '2.0': {}, '1': {} });

  const { offer } = await choose(publisher, { host, range: range('>=1 <3') });

  expect(offer.version.version).toBe('2.1');
  expect(described).toEqual(['2.1']);
});

test('where none is in the range the newest are named', async () => {
  const { publisher } = publisherOf({ '3': {}, '2': {} });

  await expect(choose(publisher, { host, range: range('>=4') })).rejects.toMatchObject({
    code: 'unsatisfiable',
    message: 'oci://registry.example.org/jq has no version in >=4',
    details: { facts: ['it has: 3, 2'] },
  });
});

test('where none fits every reason is told, and no more versions are looked at than a hundred', async () => {
  const names = Array.from({ length: 150 }, (_, index) => String(index + 1));
  const { publisher, described } = publisherOf(Object.fromEntries(names.map((name) => [name, 'it is for arm64'])));

  await expect(choose(publisher, { host })).rejects.toMatchObject({
    code: 'incompatible',
    details: {
      facts: expect.arrayContaining(['150: it is for arm64', 'and 90 more', '50 older versions were not looked at']),
    },
  });
  expect(described).toHaveLength(100);
});

test('what was rolled back here is passed over, and is not fetched again', async () => {
  const { publisher } = publisherOf({ '2': { blob: { sha256: 'bad', compression: 'none', form: 'raw' } }, '1': {} });
  const denied = (digest: string) => (digest === 'bad' ? 'it was rolled back on Monday' : undefined);

  const { offer, passedOver } = await choose(publisher, { host, denied });

  expect(offer.version.version).toBe('1');
  expect(passedOver).toEqual([{ version: '2', reason: 'it was rolled back on Monday' }]);
});
