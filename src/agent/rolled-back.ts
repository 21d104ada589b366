import type { BadImage } from './records.ts';

/** The images that the host was not well with, of one extension. */
export function rolledBackImages(bad: readonly BadImage[], name: string): readonly BadImage[] {
  return bad.filter((image) => image.kind === 'unhealthy' && image.name === name);
}

/** What became of an image that the host was not well with, in words that follow its name. */
export function rolledBackText({ version = '', sha256, since, reason }: BadImage): string {
  const image = version === '' ? `the image of sha256 ${sha256.slice(0, 12)}` : version;
  return `${image} was rolled back on ${since.toISOString()}: ${reason}; it comes again only with \`install --retry\``;
}
