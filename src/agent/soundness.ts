import { AgentError, isAgentError } from '../core/errors.ts';
import { brokenPrograms, essentialPrograms } from '../systemd/broken-programs.ts';
import type { Preview } from '../systemd/drivers/driver.ts';
import { listWithoutAttributes } from '../systemd/image.ts';
import { mergedNames, readMerged } from '../systemd/merged.ts';
import type { JudgedImage } from '../systemd/verdicts.ts';
import type { Agent } from './agent.ts';

/**
 * Looks into a tree before anyone sees it: what the host cannot do without, and the programs of the extensions that are
 * in it, must start there, as far as they start now.
 * @throws AgentError `merge-failed` where one would not.
 */
export async function requireSound(agent: Agent, { root }: Preview, images: readonly JudgedImage[]): Promise<void> {
  const extensions = mergedNames(readMerged(root));
  const listed = await Promise.all(
    images.filter(({ image }) => extensions.includes(image.name)).map(({ image }) => pathsIn(agent, image)),
  );
  const paths = listed.flat();
  // To read what the host needs takes long, and only these can change it.
  const ofHost = paths.some((path) => library.test(path) || isEssential(path)) ? essentialPrograms : [];
  const broken = brokenPrograms(root, [...ofHost, ...paths.filter((path) => program.test(path))]);
  if (broken.length === 0) return;
  throw new AgentError('merge-failed', 'programs that start now would not start any more', {
    facts: broken,
    left: 'What is merged stays as it was.',
    next: 'Change what takes away what they need, or leave out the extension that they belong to.',
  });
}

/** Where a shell looks for programs. */
const program = /^\/(?:usr\/(?:local\/)?s?bin|opt\/[^/]+\/s?bin)\/[^/]+$/;

const library = /\.so(?:\.[^/]*)?$/;

function isEssential(path: string): boolean {
  return essentialPrograms.some((essential) => essential === path);
}

/** What an image brings besides directories. One that cannot be listed here brings nothing that we know of. */
async function pathsIn({ exec }: Agent, { realPath }: JudgedImage['image']): Promise<string[]> {
  try {
    const entries = await listWithoutAttributes(realPath, exec);
    return entries.filter(({ kind }) => kind !== 'directory').map(({ path }) => `/${path}`);
  } catch (error) {
    if (!isAgentError(error)) throw error;
    return [];
  }
}
