import type { Agent } from '../agent.ts';
import type { Plan, PlanInput, PlanStep } from '../plan.ts';
import { seeEffects } from './observation.ts';
import { effectsOf } from './planning.ts';
import type { Effects } from './steps.ts';

/** A plan together with what is to be done around its merge, which is seen only once it is known what is merged. */
export async function withEffects(agent: Agent, input: PlanInput, made: Plan): Promise<Plan> {
  const seen = made.refusals.length > 0 ? undefined : await seeEffects(agent, input, made);
  if (seen === undefined) return made;
  const { desired } = input;
  const set = desired.extensions !== undefined;
  const confirm = desired.confirm === true && made.steps.some(({ kind }) => kind === 'place');
  const noReload = desired.merge?.options.noReload === true;
  const effects = effectsOf(seen, { set, confirm, noReload });
  const units =
    confirm && !noReload ? [...new Set(seen.coming.flatMap(({ contributions }) => contributions.units))] : [];
  const all = joined(made, set ? effects : { ...effects, settlement: { before: [], after: effects.after } });
  return units.length === 0 ? all : { ...all, steps: all.steps.map((step) => verifying(step, units)) };
}

/** Units that come are looked at as soon as they are prepared. */
function verifying(step: PlanStep, units: readonly string[]): PlanStep {
  if (step.kind !== 'merge') return step;
  return { ...step, inspection: { checks: step.inspection?.checks ?? [], units } };
}

/** Where the manager is reloaded by a step, systemd-sysext must not do it before: what units need is not there yet. */
function joined(made: Plan, { before, after, settlement, warnings }: Effects): Plan {
  const reloadedLater = after.some(({ kind }) => kind === 'reload');
  const steps = made.steps.flatMap((step): readonly PlanStep[] => {
    if (step.kind !== 'merge') return [step];
    return [
      ...before,
      { ...step, options: { ...step.options, ...(reloadedLater ? { reloadedLater } : {}) } },
      ...after,
    ];
  });
  return { ...made, steps, settlement, warnings: [...made.warnings, ...warnings] };
}
