import type { HealthCheck } from '../core/health.ts';
import type { PlanInput, PlanStep, PlanVerdict } from './plan.ts';

/**
 * What is checked after the merge: the whole host, then every extension that is merged then, by name, since one that came
 * may break another. A change is confirmed where an image comes, and where one that was asked for is there already: with
 * it may come other checks, of its spec or of the configuration.
 */
export function confirmSteps({ desired, observed }: PlanInput, verdicts: readonly PlanVerdict[]): PlanStep[] {
  const asked = verdicts.some(({ name, merged }) => merged && desired.named?.includes(name) === true);
  if (desired.confirm !== true || !asked) return [];
  const ofHost = observed.healthChecks.filter(({ extension }) => extension === undefined);
  const ofExtensions = verdicts
    .filter(({ merged }) => merged)
    .flatMap(({ name }) => [
      ...(desired.extensions?.find((extension) => extension.name === name)?.health ?? []).map((check) => ({
        ...check,
        extension: name,
      })),
      ...observed.healthChecks.filter(({ extension }) => extension === name),
    ]);
  return [...ofHost, ...ofExtensions].map((check) => ({ kind: 'confirm', check, reason: reasonOf(check) }));
}

/**
 * The merge with the checks that are run in what it prepares, and the other checks after it. Where nothing is merged they
 * are all run on what is there.
 */
export function inspected(merge: readonly PlanStep[], confirm: readonly PlanStep[]): PlanStep[] {
  const checks = confirm.flatMap((step) => (step.kind === 'confirm' && isEarly(step.check) ? [step.check] : []));
  if (merge.length === 0 || checks.length === 0) return [...merge, ...confirm];
  return [
    ...merge.map((step) => (step.kind === 'merge' ? { ...step, inspection: { checks, units: [] } } : step)),
    ...confirm.filter((step) => step.kind !== 'confirm' || !isEarly(step.check)),
  ];
}

function isEarly({ probe }: HealthCheck): boolean {
  return probe.kind === 'prepare';
}

function reasonOf({ extension = 'the host' }: HealthCheck): string {
  return `${extension} must be well with what came`;
}
