import {
  decodeJson,
  jsonChecked,
  jsonCount,
  jsonList,
  jsonMap,
  jsonMatch,
  jsonOptional,
  jsonStruct,
  jsonText,
  type JsonDecoder,
} from '../../core/json.ts';

/** Something that a registry has, by its digest (descriptor.md of the OCI image specification). */
export interface Descriptor {
  readonly mediaType: string;
  /** `sha256:` and hexadecimal digits, or another algorithm, which we do not fetch. */
  readonly digest: string;
  readonly size: number;
  readonly artifactType: string;
  readonly annotations: Annotations;
  readonly platform: Platform | undefined;
}

export type Annotations = ReadonlyMap<string, string>;

/** In the words of Go. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string;
}

/** One image, or what is signed or said of one. */
export interface Manifest {
  readonly kind: 'manifest';
  /** What it is: its `artifactType`, else the media type of its configuration; empty where it says neither. */
  readonly artifactType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly annotations: Annotations;
}

/** A list of manifests, for several architectures. */
export interface Index {
  readonly kind: 'index';
  readonly artifactType: string;
  readonly manifests: readonly Descriptor[];
  readonly annotations: Annotations;
}

export const manifestType = 'application/vnd.oci.image.manifest.v1+json';
export const indexType = 'application/vnd.oci.image.index.v1+json';
const dockerManifestType = 'application/vnd.docker.distribution.manifest.v2+json';
const dockerListType = 'application/vnd.docker.distribution.manifest.list.v2+json';

/** What we ask for: a registry may answer with any of these. */
export const acceptedTypes = [indexType, manifestType, dockerListType, dockerManifestType].join(', ');

/** The largest manifest that is read, in bytes: what registries should take at least, and commonly at most. */
export const largestManifest = 4 * 1024 * 1024;

const mediaType = jsonMatch(/^[A-Za-z0-9][\w!#$&^.+-]*\/[A-Za-z0-9][\w!#$&^.+-]*$/, 'a media type', 255);
const digest = jsonMatch(/^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[A-Za-z0-9=_-]+$/, 'a digest', 255);
const noAnnotations: Annotations = new Map();
/** Texts of licenses and the like have many lines. */
const annotationText: JsonDecoder<string> = (value, path) =>
  jsonText(65_536)(typeof value === 'string' ? value.replace(/[\n\t\r]/g, ' ') : value, path);
const annotations = jsonOptional(jsonMap(annotationText, 1000), noAnnotations);
const word = jsonOptional(jsonText(255), '');

const platform: JsonDecoder<Platform> = jsonStruct({ os: word, architecture: word, variant: word });

const descriptor: JsonDecoder<Descriptor> = jsonStruct({
  mediaType,
  digest,
  size: jsonCount,
  artifactType: word,
  annotations,
  platform: jsonOptional(platform, undefined),
});

const fields = jsonStruct({
  schemaVersion: jsonCount,
  mediaType: word,
  artifactType: word,
  config: jsonOptional(descriptor, undefined),
  layers: jsonOptional(jsonList(descriptor, 1000), undefined),
  manifests: jsonOptional(jsonList(descriptor, 1000), undefined),
  annotations,
});

type Document = ReturnType<typeof fields>;

const document = jsonChecked(fields, problemOfDocument);

/** One document must not be a manifest to one reader and an index to another (GHSA-77vh-xpmg-72qh). */
function problemOfDocument({ schemaVersion, config, layers, manifests, ...said }: Document): string | undefined {
  if (schemaVersion !== 2) return 'its schemaVersion is not 2';
  const isIndex = manifests !== undefined;
  if (isIndex && (layers !== undefined || config !== undefined)) return 'it is a manifest and an index at once';
  if (!isIndex && (layers === undefined || config === undefined)) return 'it is neither a manifest nor an index';
  const own = isIndex ? [indexType, dockerListType] : [manifestType, dockerManifestType];
  const others = isIndex ? [manifestType, dockerManifestType] : [indexType, dockerListType];
  return !own.includes(said.mediaType) && others.includes(said.mediaType)
    ? `it says that it is ${said.mediaType}, and is not`
    : undefined;
}

/** Reads a manifest or an index, of OCI or of Docker. */
export function decodeManifest(bytes: Uint8Array): { readonly value: Manifest | Index } | { readonly problem: string } {
  const decoded = decodeJson(new TextDecoder().decode(bytes), document);
  return 'problem' in decoded ? decoded : { value: manifestOf(decoded.value) };
}

function manifestOf({ config, layers = [], manifests, annotations: said, artifactType }: Document): Manifest | Index {
  if (manifests !== undefined) return { kind: 'index', artifactType, manifests, annotations: said };
  if (config === undefined) throw new TypeError('problemOfDocument() lets no manifest without config pass');
  const type = artifactType === '' ? config.mediaType : artifactType;
  return { kind: 'manifest', artifactType: type, config, layers, annotations: said };
}

/** The hexadecimal digits of a digest with sha256; undefined for one of another algorithm. */
export function sha256Of(text: string): string | undefined {
  return /^sha256:([0-9a-f]{64})$/.exec(text)?.[1];
}
