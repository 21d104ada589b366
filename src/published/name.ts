import { basename } from 'node:path';

import { isDirectory, type ImageReference } from '../core/image-reference.ts';

/**
 * The extension that a reference is most likely of, where nobody said which: the last part of a repository or directory, the
 * name of a file up to its version.
 */
export function nameOfReference(reference: ImageReference): string {
  if (reference.kind === 'oci') return basename(reference.repository);
  const path = reference.kind === 'directory' ? reference.text : new URL(reference.text).pathname;
  const last = decodeURIComponent(basename(path));
  if (isDirectory(reference)) return last;
  return last.replace(/(\.sysext)?\.(raw|tar|tgz)(\.(zst|xz|gz))?$/, '').replace(/[-_]v?\d.*$/, '');
}
