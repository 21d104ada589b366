import { isBlocker, reasonOf, type JudgedImage } from '../systemd/verdicts.ts';
import type { Mask, Observed } from './plan.ts';

/** A foreign image that would stop every merge, and where an empty directory keeps systemd from it. */
export interface Masking {
  readonly mask: Mask;
  readonly image: JudgedImage;
  readonly reason: string;
}

/** What must be masked for the others to be merged: foreign blockers in a directory that another one comes before. */
export function maskings(observed: Pick<Observed, 'images' | 'ours'>): Masking[] {
  return foreignBlockers(observed).flatMap((image) => {
    const mask = maskFor(image);
    return mask === undefined ? [] : [{ mask, image, reason: reasonOf(image.verdict) ?? '' }];
  });
}

/** Images that are not ours and would stop every merge. */
export function foreignBlockers({ images, ours }: Pick<Observed, 'images' | 'ours'>): JudgedImage[] {
  return images.filter((found) => isBlocker(found) && !ours.some(({ path }) => path === found.image.path));
}

/** The one command that takes a foreign image out of systemd's sight. */
export function commandAgainst({ kind, path }: JudgedImage['image']): string {
  return kind === 'obstructed' ? `rm ${path}` : `mv ${path} /var/tmp/`;
}

/**
 * An empty directory NAME in an earlier search directory is found first, and passed over for want of a release file
 * (systemd-sysext(8)). In /run where that comes first, so that it is gone after a reboot.
 */
function maskFor({ image }: JudgedImage): Mask | undefined {
  // systemd follows every link in a search directory before it compares names with what it found already.
  if (image.kind === 'obstructed') return undefined;
  // A directory of such a name means something else to systemd.
  if (/\.(v|mstack|raw)$/.test(image.name)) return undefined;
  const directory = image.path.startsWith('/run/extensions/') ? '/etc/extensions' : '/run/extensions';
  return image.path.startsWith('/etc/extensions/') ? undefined : { name: image.name, at: `${directory}/${image.name}` };
}

/** The file in a mask that tells it from a directory of someone else. */
export const maskMark = '.masked-by-sysext-agent';

/** The search directories where masks of ours may be. */
export const maskDirectories = ['/etc/extensions', '/run/extensions'] as const;
