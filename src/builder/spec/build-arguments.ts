/** The build arguments of Dalec that say what is built for what; they have a value where the spec declares them. */
export const platformArguments = [
  'BUILDARCH',
  'BUILDOS',
  'BUILDPLATFORM',
  'BUILDVARIANT',
  'TARGETARCH',
  'TARGETOS',
  'TARGETPLATFORM',
  'TARGETVARIANT',
] as const;

export type PlatformArgument = (typeof platformArguments)[number];

/** The other build arguments that a spec need not declare, apart from those with the prefix DALEC_SYSEXT_. */
const otherArguments = [
  'BUILDKIT_SYNTAX',
  'DALEC_DISABLE_DIFF_MERGE',
  'DALEC_DISABLE_PASSTHROUGH',
  'DALEC_DISABLE_PROXY_CONFIG',
  'DALEC_DISABLE_SYMLINK',
  'DALEC_GOMOD_PROXY',
  'DALEC_SIGNING_CONFIG_CONTEXT_NAME',
  'DALEC_SIGNING_CONFIG_PATH',
  'DALEC_SKIP_SIGNING',
  'DALEC_SKIP_TESTS',
  'DALEC_SOURCE_FILTER_CONFIG_CONTEXT_NAME',
  'DALEC_SOURCE_FILTER_CONFIG_PATH',
  'DALEC_TARGET',
  'SOURCE_DATE_EPOCH',
] as const;

export const sysextPrefix = 'DALEC_SYSEXT_';

/** Every build argument that means something without a declaration. */
export const knownArguments: readonly string[] = [
  ...['OS_ID', 'OS_VERSION_ID', 'SYSEXT_LEVEL', 'IMAGE_NAME'].map((name) => sysextPrefix + name),
  ...[...platformArguments, ...otherArguments].sort(),
];

/** Whether a build argument may be given to a spec that does not declare it. */
export function isKnownArgument(name: string): boolean {
  return name.startsWith(sysextPrefix) || knownArguments.includes(name);
}

export function isPlatformArgument(name: string): name is PlatformArgument {
  return platformArguments.some((argument) => argument === name);
}
