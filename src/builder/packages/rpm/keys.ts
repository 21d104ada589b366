import { isAgentError } from '../../../core/errors.ts';
import { readKeys, type KeyFile } from '../../../host/openpgp.ts';
import type { Keys } from '../../targets/target.ts';

/** The keys of a repository, as far as they are there. */
export interface KeyRing {
  readonly files: readonly KeyFile[];
  /** Key files that the target names and that are not there. */
  readonly missing: readonly string[];
}

/** Reads the keys of a repository. A key file that is not there is no error: the target may name where it would be. */
export function keyRing(keys: readonly Keys[]): KeyRing {
  const missing: string[] = [];
  const files = keys.flatMap((key) => {
    try {
      return readKeys([key]);
    } catch (error) {
      if (!isAgentError(error, 'no-such-file') || typeof key !== 'string') throw error;
      missing.push(key);
      return [];
    }
  });
  return { files, missing };
}

/** What to do where none of the keys that signed is trusted. */
export function keyAdvice({ missing }: KeyRing): (ids: readonly string[]) => string {
  return (ids) => {
    const key = ids.length === 0 ? 'the key of the repository' : `the key ${[...new Set(ids)].join(' or ')}`;
    if (missing.length > 0)
      return `Get ${key} from the distributor, check its fingerprint, and put it into ${missing.join(' or ')}.`;
    return (
      `If you trust ${key}, put it into a file below /etc/sysext-agent/keys and name that under "keys" of the ` +
      'repository in a file of /etc/sysext-agent/targets.d; otherwise do not use this repository.'
    );
  };
}
