import type { ImageFormat } from './image/command.ts';
import type { Material } from './making/making-step.ts';
import type { SelectedPackage } from './packages/packages.ts';
import type { TestPlace } from './tests/choice.ts';

/** What a build says of how its image came to be. */
export interface Provenance {
  readonly image: {
    /** The name of its file. */
    readonly name: string;
    readonly sha256: string;
  };
  readonly spec: {
    readonly name: string;
    readonly version: string;
    /** Of its text. */
    readonly sha256: string;
  };
  readonly target: string;
  readonly architecture: string;
  /** As they were given. */
  readonly buildArguments: Readonly<Record<string, string>>;
  readonly format: ImageFormat | undefined;
  /** Where its tests passed; none: they were not run, or there are none. */
  readonly tested: readonly TestPlace[];
  readonly packages: readonly SelectedPackage[];
  /** What its own package was made of. */
  readonly materials: readonly Material[];
  /** The digest of its own package, where it was taken as it is; undefined where it was made, or there is none. */
  readonly ownPackage: string | undefined;
  /** The digest of the root that it was built in; undefined where nothing was built. */
  readonly buildRoot: string | undefined;
  /** The version of this program. */
  readonly builderVersion: string;
  /** Seconds since 1970; undefined: nothing is said of the time. */
  readonly sourceDateEpoch: number | undefined;
}

export const provenanceSuffix = '.provenance.json';

/** What our fields mean: docs/building.md. */
export const buildType = 'urn:sysext-agent:build:v1';
export const builderId = 'urn:sysext-agent:builder';

/**
 * The provenance as a statement of in-toto (github.com/in-toto/attestation, statement v1) with a predicate of SLSA
 * (slsa.dev/spec/v1.0/provenance), in JSON. The same build gives the same bytes, so the time is only in it where it is given.
 */
export function provenanceText(provenance: Provenance): string {
  const { image, spec, target, architecture, buildArguments, format, tested } = provenance;
  const statement = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: image.name, digest: { sha256: image.sha256 } }],
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType,
        externalParameters: {
          spec: { name: spec.name, version: spec.version, digest: { sha256: spec.sha256 } },
          target,
          architecture,
          buildArguments: sorted(buildArguments),
          ...(format === undefined ? {} : { format }),
        },
        internalParameters: { testsPassed: tested },
        resolvedDependencies: dependencies(provenance),
      },
      runDetails: runDetails(provenance),
    },
  };
  return `${JSON.stringify(statement, undefined, 2)}\n`;
}

function sorted(values: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Everything from elsewhere, each as a ResourceDescriptor. */
function dependencies({ packages, materials, ownPackage, buildRoot }: Provenance): readonly object[] {
  return [
    ...packages.map(({ name, version, architecture, url, sha256 }) => ({
      name,
      ...address(url),
      digest: { sha256 },
      annotations: { kind: 'package', version, architecture },
    })),
    ...materials.map(({ name, uri, digest }) => ({
      name,
      ...address(uri),
      digest,
      annotations: { kind: 'source' },
    })),
    ...ours('own package', 'own-package', ownPackage),
    ...ours('build root', 'build-root', buildRoot),
  ];
}

/** What only this program knows by its digest. */
function ours(name: string, kind: string, digest: string | undefined): readonly object[] {
  return digest === undefined ? [] : [{ name, digest: { sha256: digest }, annotations: { kind } }];
}

/** Without user and password. What is no address says nothing to others. */
function address(text: string): { readonly uri?: string } {
  if (!URL.canParse(text)) return {};
  const url = new URL(text);
  url.username = '';
  url.password = '';
  return { uri: url.href };
}

function runDetails({ builderVersion, sourceDateEpoch }: Provenance): object {
  const builder = { id: builderId, version: { 'sysext-agent': builderVersion } };
  if (sourceDateEpoch === undefined) return { builder };
  const time = new Date(sourceDateEpoch * 1000).toISOString().replace('.000Z', 'Z');
  return { builder, metadata: { startedOn: time, finishedOn: time } };
}
