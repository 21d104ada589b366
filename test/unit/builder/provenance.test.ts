import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';

import { builderId, buildType, provenanceText, type Provenance } from '../../../src/builder/provenance.ts';

const hex = (digit: string) => digit.repeat(64);

const provenance: Provenance = {
  image: { name: 'jq-v1.7-1-trixie-x86-64.raw', sha256: hex('a') },
  spec: { name: 'jq', version: '1.7-1', sha256: hex('b') },
  target: 'trixie',
  architecture: 'x86-64',
  buildArguments: { DALEC_SYSEXT_OS_ID: 'debian', A: 'b' },
  format: undefined,
  tested: ['target'],
  packages: [
    {
      name: 'jq',
      version: '1.7-1',
      architecture: 'amd64',
      sha256: hex('c'),
      size: 1,
      url: 'https://user:secret@deb.example.org/pool/jq_1.7-1_amd64.deb',
    },
    {
      name: 'own.deb',
      version: 'of the build context',
      architecture: '',
      sha256: hex('d'),
      size: 1,
      url: '/tmp/own.deb',
    },
  ],
  materials: [
    { name: 'src', uri: 'git+https://example.org/src.git@v1', digest: { gitCommit: '1'.repeat(40) } },
    { name: 'file', uri: 'https://example.org/file', digest: { sha256: hex('e') } },
  ],
  ownPackage: undefined,
  buildRoot: hex('f'),
  builderVersion: '0.1.0',
  sourceDateEpoch: undefined,
};

const digest = {
  type: 'object',
  minProperties: 1,
  additionalProperties: { type: 'string', pattern: '^[0-9a-f]+$' },
};
const uri = { type: 'string', pattern: '^[a-z][a-z0-9+.-]*:' };
const time = { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ$' };
/** github.com/in-toto/attestation, spec/v1/resource_descriptor.md */
const descriptor = {
  type: 'object',
  anyOf: [{ required: ['uri'] }, { required: ['digest'] }, { required: ['content'] }],
  properties: {
    name: { type: 'string' },
    uri,
    digest,
    content: { type: 'string' },
    downloadLocation: uri,
    mediaType: { type: 'string' },
    annotations: { type: 'object' },
  },
  additionalProperties: false,
};
/** spec/v1/statement.md there, and slsa.dev/spec/v1.0/provenance. */
const published = {
  type: 'object',
  required: ['_type', 'subject', 'predicateType', 'predicate'],
  additionalProperties: false,
  properties: {
    _type: { const: 'https://in-toto.io/Statement/v1' },
    subject: { type: 'array', minItems: 1, items: { allOf: [descriptor], required: ['digest'] } },
    predicateType: { const: 'https://slsa.dev/provenance/v1' },
    predicate: {
      type: 'object',
      required: ['buildDefinition', 'runDetails'],
      additionalProperties: false,
      properties: {
        buildDefinition: {
          type: 'object',
          required: ['buildType', 'externalParameters'],
          additionalProperties: false,
          properties: {
            buildType: uri,
            externalParameters: { type: 'object' },
            internalParameters: { type: 'object' },
            resolvedDependencies: { type: 'array', items: descriptor },
          },
        },
        runDetails: {
          type: 'object',
          required: ['builder'],
          additionalProperties: false,
          properties: {
            builder: {
              type: 'object',
              required: ['id'],
              additionalProperties: false,
              properties: {
                id: uri,
                version: { type: 'object', additionalProperties: { type: 'string' } },
                builderDependencies: { type: 'array', items: descriptor },
              },
            },
            metadata: {
              type: 'object',
              additionalProperties: false,
              properties: { invocationId: { type: 'string' }, startedOn: time, finishedOn: time },
            },
            byproducts: { type: 'array', items: descriptor },
          },
        },
      },
    },
  },
};

interface Statement {
  readonly subject: readonly unknown[];
  readonly predicate: {
    readonly buildDefinition: {
      readonly buildType: string;
      readonly externalParameters: unknown;
      readonly internalParameters: unknown;
      readonly resolvedDependencies: readonly Readonly<Record<string, unknown>>[];
    };
    readonly runDetails: { readonly builder: unknown; readonly metadata?: unknown };
  };
}

function statement(of: Provenance): Statement {
  return JSON.parse(provenanceText(of)) as Statement;
}

describe('the provenance of an image', () => {
  test.each([
    ['of all kinds', provenance],
    ['with a time', { ...provenance, sourceDateEpoch: 1_700_000_000 }],
    [
      'of packages alone',
      { ...provenance, materials: [], buildRoot: undefined, tested: [], format: 'squashfs' as const },
    ],
  ])('%s has the shape that SLSA publishes', (_, of) => {
    const ajv = new Ajv({ strict: false });

    expect(ajv.validate(published, statement(of)), ajv.errorsText()).toBe(true);
  });

  test('says what was made, of what, by what', () => {
    const { subject, predicate } = statement(provenance);

    expect(subject).toEqual([{ name: 'jq-v1.7-1-trixie-x86-64.raw', digest: { sha256: hex('a') } }]);
    expect(predicate.buildDefinition.buildType).toBe(buildType);
    expect(predicate.buildDefinition.externalParameters).toEqual({
      spec: { name: 'jq', version: '1.7-1', digest: { sha256: hex('b') } },
      target: 'trixie',
      architecture: 'x86-64',
      buildArguments: { A: 'b', DALEC_SYSEXT_OS_ID: 'debian' },
    });
    expect(predicate.buildDefinition.internalParameters).toEqual({ testsPassed: ['target'] });
    expect(predicate.runDetails).toEqual({ builder: { id: builderId, version: { 'sysext-agent': '0.1.0' } } });
  });

  test('tells of each dependency where it is from and what it was, and no secret of an address', () => {
    expect(statement(provenance).predicate.buildDefinition.resolvedDependencies).toEqual([
      {
        name: 'jq',
        uri: 'https://deb.example.org/pool/jq_1.7-1_amd64.deb',
        digest: { sha256: hex('c') },
        annotations: { kind: 'package', version: '1.7-1', architecture: 'amd64' },
      },
      {
        name: 'own.deb',
        digest: { sha256: hex('d') },
        annotations: { kind: 'package', version: 'of the build context', architecture: '' },
      },
      {
        name: 'src',
        uri: 'git+https://example.org/src.git@v1',
        digest: { gitCommit: '1'.repeat(40) },
        annotations: { kind: 'source' },
      },
      {
        name: 'file',
        uri: 'https://example.org/file',
        digest: { sha256: hex('e') },
        annotations: { kind: 'source' },
      },
      { name: 'build root', digest: { sha256: hex('f') }, annotations: { kind: 'build-root' } },
    ]);
  });

  test('tells of an own package that was taken as it is', () => {
    const of = { ...provenance, packages: [], materials: [], ownPackage: hex('9'), buildRoot: undefined };

    expect(statement(of).predicate.buildDefinition.resolvedDependencies).toEqual([
      { name: 'own package', digest: { sha256: hex('9') }, annotations: { kind: 'own-package' } },
    ]);
  });

  test('is the same for the same build, in whatever order its arguments come', () => {
    const { A = '', DALEC_SYSEXT_OS_ID = '' } = provenance.buildArguments;

    expect(provenanceText({ ...provenance, buildArguments: { A, DALEC_SYSEXT_OS_ID } })).toBe(
      provenanceText(provenance),
    );
    expect(provenanceText(provenance)).not.toContain('startedOn');
  });

  test('has the time that is given', () => {
    const { metadata } = statement({ ...provenance, sourceDateEpoch: 1_700_000_000 }).predicate.runDetails;

    expect(metadata).toEqual({ startedOn: '2023-11-14T22:13:20Z', finishedOn: '2023-11-14T22:13:20Z' });
  });
});
