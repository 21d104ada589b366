import type { Artifacts } from './artifacts.ts';
import type { Spec } from './spec.ts';

/** The artifacts of a target: its own in place of all of the spec's, even where they are none. */
export function artifactsFor(spec: Spec, target: string): Artifacts | undefined {
  return spec.targets.get(target)?.artifacts ?? spec.artifacts;
}
