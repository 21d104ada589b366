import type { EtcCopy } from '../../core/effects/tmpfiles.ts';
import type { UnitVerb } from '../../systemd/manager.ts';

/** What is done around a merge, as data: what systemd-sysext leaves undone. docs/apply.md has a row for each kind. */
export type EffectStep = { readonly reason: string } & (
  | {
      readonly kind: 'stop';
      /** Names, and patterns for the instances of templates. */
      readonly units: readonly string[];
      /** Files below a directory of units by which others would start them again. */
      readonly withhold: readonly string[];
    }
  | { readonly kind: 'take-back'; readonly copies: readonly EtcCopy[] }
  | { readonly kind: 'sysusers'; readonly files: readonly string[] }
  | { readonly kind: 'tmpfiles'; readonly files: readonly string[] }
  | { readonly kind: 'ldconfig' }
  | { readonly kind: 'hwdb' }
  | { readonly kind: 'depmod'; readonly kernels: readonly string[] }
  | { readonly kind: 'udev' }
  | { readonly kind: 'bus' }
  | {
      readonly kind: 'reload';
      /** Files that were withheld, and are no longer to be. */
      readonly withheld: readonly string[];
    }
  | { readonly kind: 'units'; readonly verb: Exclude<UnitVerb, 'stop'>; readonly units: readonly string[] }
  | {
      readonly kind: 'units-up';
      /** Units that must be such that they could be started. */
      readonly loaded: readonly string[];
      /** Units that must not have failed. */
      readonly running: readonly string[];
    }
);

/** What takes a change back, as far as the merge does not: before the merge that was there is merged again, and after. */
export interface Settlement {
  readonly before: readonly EffectStep[];
  readonly after: readonly EffectStep[];
}

export const nothingToSettle: Settlement = { before: [], after: [] };

/** What is done around a merge. */
export interface Effects {
  readonly before: readonly EffectStep[];
  readonly after: readonly EffectStep[];
  readonly settlement: Settlement;
  readonly warnings: readonly string[];
}

export const noEffects: Effects = { before: [], after: [], settlement: nothingToSettle, warnings: [] };
