import { kindOfKey, type KeyKind } from '../../core/trust-rules.ts';
import type { KeyFile } from '../../host/openpgp.ts';
import { readCosignKey, type CosignKey } from './cosign.ts';
import type { KeyRing } from './key-ring.ts';

/** The keys that a rule names, as far as they can be used. */
export interface RuleKeys {
  readonly cosign: readonly CosignKey[];
  readonly openpgp: readonly KeyFile[];
  /** The kinds of keys among them. */
  readonly kinds: ReadonlySet<KeyKind>;
  /** Those that cannot be used, with the reasons, for messages. */
  readonly unusable: readonly string[];
}

type Found = { readonly cosign: CosignKey } | { readonly openpgp: KeyFile } | { readonly unusable: string };

/** Reads the key files that a rule names. One that cannot be used speaks for nobody, and stops none of the others. */
export function keysOf(files: readonly string[], ring: KeyRing): RuleKeys {
  const found = files.map((file) => keyIn(file, ring));
  const cosign = found.flatMap((one) => ('cosign' in one ? [one.cosign] : []));
  const openpgp = found.flatMap((one) => ('openpgp' in one ? [one.openpgp] : []));
  return {
    cosign,
    openpgp,
    kinds: new Set([
      ...(openpgp.length > 0 ? (['openpgp'] as const) : []),
      ...(cosign.length > 0 ? (['cosign'] as const) : []),
    ]),
    unusable: found.flatMap((one) => ('unusable' in one ? [one.unusable] : [])),
  };
}

function keyIn(file: string, ring: KeyRing): Found {
  const entry = ring.get(file);
  if (entry === undefined) return { unusable: `${file}: there is no such file in the directories keys/` };
  if (entry.kind === 'mask') return { unusable: `${file}: ${entry.path} takes it out` };
  if (entry.kind === 'refused') return { unusable: `${entry.path}: ${entry.why}` };
  const { path, bytes } = entry;
  if (kindOfKey(file) === 'openpgp') return { openpgp: { path, bytes } };
  const key = readCosignKey(bytes);
  return typeof key === 'string' ? { unusable: `${path} ${key}` } : { cosign: { file, key } };
}
