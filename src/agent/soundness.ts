import { AgentError } from '../core/errors.ts';
import { brokenPrograms, essentialPrograms } from '../systemd/broken-programs.ts';
import type { Preview } from '../systemd/drivers/driver.ts';
import { mergedNames, readMerged } from '../systemd/merged.ts';
import type { JudgedImage } from '../systemd/verdicts.ts';
import type { Agent } from './agent.ts';
import { entriesOf } from './contents.ts';

/**
 * Looks into a tree before anyone sees it: what the host cannot do without, and the programs of the extensions that are
 * in it, must start there, as far as they start now.
 * @throws AgentError `merge-failed` where one would not.
 */
export async function requireSound(agent: Agent, { root }: Preview, images: readonly JudgedImage[]): Promise<void> {
  const extensions = mergedNames(readMerged(root));
  const listed = await Promise.all(
    images.filter(({ image }) => extensions.includes(image.name)).map(({ image }) => programsOf(agent, image)),
  );
  const broken = brokenPrograms(root, [...essentialPrograms, ...listed.flat()]);
  if (broken.length === 0) return;
  throw new AgentError('merge-failed', 'programs that start now would not start any more', {
    facts: broken,
    left: 'What is merged stays as it was.',
    next: 'Change what takes away what they need, or leave out the extension that they belong to.',
  });
}

/** Where a shell looks for programs. */
const program = /^(?:usr\/(?:local\/)?s?bin|opt\/[^/]+\/s?bin)\/[^/]+$/;

async function programsOf(agent: Agent, image: JudgedImage['image']): Promise<string[]> {
  const entries = await entriesOf(agent, image);
  return entries.filter(({ path, kind }) => kind !== 'directory' && program.test(path)).map(({ path }) => `/${path}`);
}
