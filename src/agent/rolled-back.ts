import { compareVersions } from '../core/version-order.ts';
import type { BadImage, InstalledExtension } from './records.ts';

/** The images that the host was not well with, of one extension. */
export function rolledBackImages(bad: readonly BadImage[], name: string): readonly BadImage[] {
  return bad.filter((image) => image.kind === 'unhealthy' && image.name === name);
}

/** What became of an image that the host was not well with, in words that follow its name. */
export function rolledBackText({ version = '', sha256, since, reason }: BadImage): string {
  const image = version === '' ? `the image of sha256 ${sha256.slice(0, 12)}` : version;
  return `${image} was rolled back on ${since.toISOString()}: ${reason}; \`install --retry\` tries it again`;
}

/**
 * Whether what is known against an image counts no more once another has come to stay: it is the same, or a newer version
 * of what the host was not well with. An older one is none: it may have come because of that.
 */
export function isForgiven(bad: BadImage, coming: Pick<InstalledExtension, 'name' | 'sha256' | 'version'>): boolean {
  if (bad.sha256 === coming.sha256) return true;
  return bad.kind === 'unhealthy' && bad.name === coming.name && isNewer(coming.version, bad.version ?? '');
}

function isNewer(version: string, other: string): boolean {
  return version !== '' && other !== '' && compareVersions(version, other) > 0;
}
