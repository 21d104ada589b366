import { AgentError } from '../../../core/errors.ts';
import { inOneLine } from '../../../core/problems.ts';
import type { Agent } from '../../agent.ts';
import type { ImageRequest } from '../../candidate.ts';
import type { PassImages } from '../pass.ts';
import type { ChangeOptions } from '../../change.ts';
import type { ImageSource } from '../../fleet/images.ts';
import type { Request } from './arguments.ts';

/** Carries out a change, by the same steps as the command of that name. */
export async function carryOut(agent: Agent, request: Request, { images, newest }: PassImages): Promise<void> {
  const { method, names, number } = request;
  const options = optionsOf(agent);
  switch (method) {
    case 'Install':
      await (await import('../../install.ts')).install(agent, await requestsFor(agent, names, images), options);
      return;
    case 'Remove':
      await (await import('../../remove.ts')).remove(agent, names, options);
      return;
    case 'Upgrade':
      await upgraded(agent, names, newest);
      return;
    case 'Apply':
      await (await import('../../converge.ts')).applyRecord(agent, options);
      return;
    case 'Merge':
    case 'Unmerge':
    case 'Refresh':
      await (await import('../../merge.ts')).mergeOperation(agent, mergeVerbs[method], {});
      return;
    case 'Rollback':
      await (await import('../../rollback.ts')).rollback(agent, number === 0 ? undefined : number, options);
      return;
    case 'Hold':
      await (await import('../../holds.ts')).hold(agent, names);
      return;
    case 'Unhold':
      await (await import('../../holds.ts')).unhold(agent, names);
  }
}

const mergeVerbs = { Merge: 'merge', Unmerge: 'unmerge', Refresh: 'refresh' } as const;

function optionsOf({ signal }: Agent): ChangeOptions {
  return signal === undefined ? {} : { signal };
}

/** What of it cannot be done fails the job, as it does the command; the rest is done. */
async function upgraded(agent: Agent, names: readonly string[], newest: ImageSource): Promise<void> {
  const { upgradeFleet } = await import('../../fleet/upgrade.ts');
  const { problems, left } = await upgradeFleet(agent, newest, names, optionsOf(agent));
  const undone = [...problems.map(inOneLine), ...(names.length > 0 ? left : [])];
  if (undone.length === 0) return;
  throw new AgentError('conflict', 'not everything could be upgraded', {
    facts: undone,
    left: 'What could be upgraded is.',
  });
}

/** Images as they are, specs by building them: as the drop-ins of the fleet name them. */
async function requestsFor(agent: Agent, paths: readonly string[], images: ImageSource): Promise<ImageRequest[]> {
  const requests: ImageRequest[] = [];
  for (const path of paths) {
    const kind = /\.ya?ml$/.test(path) ? 'spec' : 'image';
    const wish = { source: { kind, path }, args: {}, allow: [], health: [], hold: false } as const;
    requests.push(await images('', wish, agent.signal));
  }
  return requests;
}
