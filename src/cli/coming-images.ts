import type { Agent } from '../agent/agent.ts';
import type { InstalledExtension } from '../agent/records.ts';
import type { HostRelease } from '../core/compatibility.ts';
import { isAgentError } from '../core/errors.ts';
import { systemClock } from '../host/clock.ts';
import type { Invocation } from './command.ts';
import { terminalProgress } from './progress.ts';

/**
 * Prefetches the newest published images for a system that is to come, of those extensions that it would leave out. One of
 * which none fits, or that cannot be fetched, is told and keeps none of the others away.
 * @throws AgentError `interrupted`
 */
export async function prefetchComing(
  { terminal, signal }: Pick<Invocation, 'terminal' | 'signal'>,
  agent: Agent,
  system: HostRelease,
): Promise<readonly InstalledExtension[]> {
  const { choiceFor, prefetch } = await import('../agent/prefetch.ts');
  const { upgradesNow } = await import('../agent/fleet/upgrade.ts');
  const { publishedImages } = await import('./published-images.ts');
  const leftOut = choiceFor(agent, system).leftOut.map(({ name }) => name);
  const { verdicts } = await upgradesNow(agent, []);
  const progress = terminalProgress(terminal, () => systemClock.monotonic());
  const images = await publishedImages(agent, progress, system);
  const prefetched: InstalledExtension[] = [];
  for (const { name, wish } of verdicts) {
    const { source, version, allow } = wish;
    if (!leftOut.includes(name) || source.kind !== 'reference') continue;
    const asked = { name, reference: source.reference, ...(version === undefined ? {} : { range: version }) };
    try {
      const image = await images.fetch(asked, await images.find(asked, signal), signal);
      prefetched.push(...(await prefetch(agent, system, [{ ...image, allow }])));
    } catch (error) {
      if (!isAgentError(error) || error.code === 'interrupted') throw error;
      progress.warn(`nothing for ${name}: ${error.message}`);
    }
  }
  progress.finish();
  return prefetched;
}
