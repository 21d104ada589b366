import type { ContainerImages } from '../builder/source/container-images.ts';
import { AgentError } from '../core/errors.ts';

/** Where sources of the kind image come from. */
export function containerImages(_root: string): ContainerImages {
  const refuse = () =>
    Promise.reject(
      new AgentError('usage', 'container images are not fetched as sources by this version of sysext-agent'),
    );
  return { find: refuse, fetch: refuse };
}
