import type { History } from './history.ts';
import type { Generation } from './records.ts';

/** How many sets are looked through for one to go back to. */
export const setsToSearch = 20;

/** The generations before one, nearest first, in whatever state they are. */
export function ancestors(history: Pick<History, 'generation'>, of: Generation | undefined): Generation[] {
  const found: Generation[] = [];
  for (let next = of?.parent; next !== undefined && found.length < setsToSearch; next = found.at(-1)?.parent) {
    const generation = history.generation(next);
    if (generation === undefined) break;
    found.push(generation);
  }
  return found;
}
