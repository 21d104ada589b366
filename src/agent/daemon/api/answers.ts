import type { Agent } from '../../agent.ts';
import type { Explanation } from '../../explain.ts';
import { ownerText } from '../../owner.ts';
import { operationTitle } from '../../records.ts';

/** What anyone may ask, in the types of the interface. */

/** Rows of `List`: name, version, whether it is merged, owner, why it is not. */
export async function extensionRows(agent: Agent): Promise<unknown[]> {
  const { overview } = await import('../../overview.ts');
  const { extensions } = await overview(agent);
  return extensions.map(({ name, version, merged, owner, whyNot = '' }) => [
    name,
    version,
    merged,
    owner === undefined ? '' : ownerText(owner),
    whyNot,
  ]);
}

/** Rows of `History`: number, time, user, verb, names, result, error. */
export async function operationRows(agent: Agent, count: number): Promise<unknown[]> {
  const { latestOperations } = await import('../../past.ts');
  return latestOperations(agent, count).map((operation) => {
    const { id, startedAt, actor, extensions, result, error = '' } = operation;
    const names = extensions.map(({ name }) => name);
    return [id, startedAt.toISOString(), actor.uid, operationTitle(operation), names, result, error];
  });
}

/** Rows of `CheckOs`: name, version, whether it would be in place on that system, why not. */
export async function rowsOnSystem(agent: Agent, osRelease: string): Promise<unknown[]> {
  const { systemOf } = await import('../../described-system.ts');
  const { choiceFor } = await import('../../prefetch.ts');
  const { extensions, leftOut } = choiceFor(agent, await systemOf(agent, osRelease));
  return extensions.map(({ name, version }) => {
    const out = leftOut.find((one) => one.name === name);
    return [name, version, out === undefined, out?.reason ?? ''];
  });
}

/** @throws AgentError `no-such-extension` */
export async function explanationOf(
  agent: Agent,
  name: string,
  textOf: (explanation: Explanation) => Promise<string>,
): Promise<string> {
  const { explain } = await import('../../explain.ts');
  return textOf(await explain(agent, name));
}
