import type { Agent } from '../../agent.ts';
import type { ImageRequest } from '../../candidate.ts';
import type { ImageSource } from '../../fleet/images.ts';
import type { Request } from './arguments.ts';

/** Carries out a change, by the same steps as the command of that name. */
export async function carryOut(agent: Agent, request: Request, images: ImageSource): Promise<void> {
  const { method, names, number } = request;
  const options = agent.signal === undefined ? {} : { signal: agent.signal };
  switch (method) {
    case 'Install':
      await (await import('../../install.ts')).install(agent, await requestsFor(agent, names, images), options);
      return;
    case 'Remove':
      await (await import('../../remove.ts')).remove(agent, names, options);
      return;
    case 'Apply':
      await (await import('../../converge.ts')).applyRecord(agent, options);
      return;
    case 'Merge':
      await merged(agent, 'merge');
      return;
    case 'Unmerge':
      await merged(agent, 'unmerge');
      return;
    case 'Refresh':
      await merged(agent, 'refresh');
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

async function merged(agent: Agent, verb: 'merge' | 'unmerge' | 'refresh'): Promise<void> {
  const { mergeOperation } = await import('../../merge.ts');
  await mergeOperation(agent, verb, {});
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
