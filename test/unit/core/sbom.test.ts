import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { parseSpdx, spdxDocument, type Manifest } from '../../../src/core/sbom.ts';

const manifest: Manifest = {
  name: 'tools',
  version: '1-1',
  uuid: '00000000-0000-8000-8000-000000000000',
  created: 1_700_000_000,
  packages: [
    {
      name: 'g++',
      version: '4:12.2.0-3',
      architecture: 'amd64',
      source: 'gcc-defaults (1.203)',
      sha256: 'ab'.repeat(32),
      url: 'https://user:secret@example.org/pool/g++.deb',
    },
    { name: 'local', version: '1', url: 'file:///home/me/local.deb' },
  ],
};

interface Document {
  readonly packages: readonly Readonly<Record<string, unknown>>[];
  readonly relationships: readonly Readonly<Record<string, string>>[];
  readonly [field: string]: unknown;
}

const document = JSON.parse(spdxDocument(manifest)) as Document;

describe('a list of packages in SPDX 2.3', () => {
  test('has the fields that every document must have', () => {
    expect(document).toMatchObject({
      spdxVersion: 'SPDX-2.3',
      dataLicense: 'CC0-1.0',
      SPDXID: 'SPDXRef-DOCUMENT',
      name: 'tools-1-1',
      documentNamespace: 'urn:uuid:00000000-0000-8000-8000-000000000000',
      creationInfo: { created: '2023-11-14T22:13:20Z', creators: ['Tool: sysext-agent'] },
    });
  });

  test('has for every package a name, an identifier of its own and a place', () => {
    const ids = document.packages.map((pkg) => String(pkg['SPDXID']));
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) expect(id).toMatch(/^SPDXRef-[A-Za-z0-9.-]+$/);
    for (const pkg of document.packages) {
      expect(pkg).toMatchObject({
        name: expect.any(String),
        downloadLocation: expect.any(String),
        filesAnalyzed: false,
      });
    }
  });

  test('relates only what is there', () => {
    const ids = ['SPDXRef-DOCUMENT', ...document.packages.map((pkg) => pkg['SPDXID'])];
    expect(document.relationships.map(({ relationshipType }) => relationshipType)).toEqual([
      'DESCRIBES',
      'CONTAINS',
      'CONTAINS',
    ]);
    for (const { spdxElementId, relatedSpdxElement } of document.relationships) {
      expect(ids).toContain(spdxElementId);
      expect(ids).toContain(relatedSpdxElement);
    }
  });

  test('tells no password and no path of the host', () => {
    expect(document.packages.map((pkg) => pkg['downloadLocation'])).toEqual([
      'NOASSERTION',
      'https://example.org/pool/g++.deb',
      'NOASSERTION',
    ]);
  });

  test('is read back', () => {
    expect(parseSpdx(spdxDocument(manifest))).toEqual([
      { ...manifest.packages[0], url: 'https://example.org/pool/g++.deb' },
      { name: 'local', version: '1' },
    ]);
  });

  test.each(['', '{', '[]', 'null', '{"packages":[]}', '{"spdxVersion":"SPDX-2.3","packages":{}}'])(
    '%s is none',
    (text) => {
      expect(parseSpdx(text)).toBeUndefined();
    },
  );

  test('whatever fields a stranger wrote, reading does not throw', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.jsonValue(), (packages, documentDescribes) => {
        const text = JSON.stringify({ spdxVersion: 'SPDX-2.2', packages, documentDescribes });
        expect(Array.isArray(parseSpdx(text))).toBe(true);
      }),
    );
  });
});
