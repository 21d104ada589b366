import { patchSteps } from '../source/patch-steps.ts';
import type { Spec } from '../spec/spec.ts';
import { buildSteps } from './build-steps.ts';
import type { CacheOwner } from './step-caches.ts';

/** What would be run for a spec, in its order and in the words of its log; nothing is fetched to tell. */
export function foretoldSteps(spec: Spec, owner: CacheOwner): readonly string[] {
  const generators = Array.from(spec.sources).flatMap(([name, source]) =>
    source.generators.map(({ kind }) => `generator ${kind} of ${name}`),
  );
  return [
    ...patchSteps(spec).map(({ title }) => title),
    ...generators,
    ...buildSteps(spec, owner).map(({ title }) => title),
  ];
}
