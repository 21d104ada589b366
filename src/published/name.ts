import { basename } from 'node:path';

import { isDirectory, type ImageReference } from '../core/image-reference.ts';

/**
 * The extension that a reference is most likely of, where nobody said which: what stands before the version in the pattern of
 * its files, the last part of a repository or directory, the name of a file up to its version.
 */
export function nameOfReference(reference: ImageReference): string {
  if (reference.kind === 'oci') return basename(reference.repository);
  const inPattern = /^([^@%]+?)[-_.]v?@v/.exec(reference.match?.[0]?.text ?? '')?.[1];
  if (inPattern !== undefined) return inPattern;
  const path = reference.kind === 'directory' ? reference.text : new URL(reference.text).pathname;
  const last = decodeURIComponent(basename(path));
  if (isDirectory(reference)) return last;
  return last.replace(/(\.sysext)?\.(raw|tar|tgz)(\.(zst|xz|gz))?$/, '').replace(/[-_]v?\d.*$/, '');
}
