import { kindOfKey, type KeyKind, type SigningIdentity, type TrustRule } from '../../core/trust-rules.ts';
import type { KeyFile } from '../../host/openpgp.ts';
import { readCosignKey, type CosignKey } from './cosign.ts';
import type { KeyRing } from './key-ring.ts';
import type { TrustedSigner } from './keyless.ts';

/** The keys that a rule names, as far as they can be used. */
export interface RuleKeys {
  readonly cosign: readonly CosignKey[];
  readonly openpgp: readonly KeyFile[];
  /** Who may have signed with a certificate. */
  readonly signers: readonly TrustedSigner[];
  /** The kinds of signatures that they make. */
  readonly kinds: ReadonlySet<KeyKind>;
  /** Those that cannot be used, with the reasons, for messages. */
  readonly unusable: readonly string[];
}

type Found = { readonly cosign: CosignKey } | { readonly openpgp: KeyFile } | { readonly unusable: string };

/** Reads the files that a rule names. One that cannot be used speaks for nobody, and stops none of the others. */
export function keysOf(
  { keys = [], identities = [] }: Pick<TrustRule, 'keys' | 'identities'>,
  ring: KeyRing,
): RuleKeys {
  const known = identities.map((identity) => signerIn(identity, ring));
  const found = [...keys.map((file) => keyIn(file, ring)), ...known];
  const cosign = found.flatMap((one) => ('cosign' in one ? [one.cosign] : []));
  const openpgp = found.flatMap((one) => ('openpgp' in one ? [one.openpgp] : []));
  const signers = known.flatMap((one) => ('signer' in one ? [one.signer] : []));
  return {
    cosign,
    openpgp,
    signers,
    kinds: new Set([
      ...(openpgp.length > 0 ? (['openpgp'] as const) : []),
      ...(cosign.length + signers.length > 0 ? (['cosign'] as const) : []),
    ]),
    unusable: found.flatMap((one) => ('unusable' in one ? [one.unusable] : [])),
  };
}

function keyIn(file: string, ring: KeyRing): Found {
  const entry = usableIn(file, ring);
  if ('unusable' in entry) return entry;
  const { path, bytes } = entry;
  if (kindOfKey(file) === 'openpgp') return { openpgp: { path, bytes } };
  const key = readCosignKey(bytes);
  return typeof key === 'string' ? { unusable: `${path} ${key}` } : { cosign: { file, key } };
}

function signerIn(
  identity: SigningIdentity,
  ring: KeyRing,
): { readonly signer: TrustedSigner } | { readonly unusable: string } {
  const entry = usableIn(identity.root, ring);
  return 'unusable' in entry ? entry : { signer: { ...identity, rootBytes: entry.bytes } };
}

function usableIn(
  file: string,
  ring: KeyRing,
): { readonly path: string; readonly bytes: Uint8Array } | { readonly unusable: string } {
  const entry = ring.get(file);
  if (entry === undefined) return { unusable: `${file}: there is no such file in the directories keys/` };
  if (entry.kind === 'mask') return { unusable: `${file}: ${entry.path} takes it out` };
  if (entry.kind === 'refused') return { unusable: `${entry.path}: ${entry.why}` };
  return entry;
}
