/** How many layers of steps lie over each other; the kernel takes 500 in all (Linux: fs/overlayfs). */
export const mostLayers = 100;

/** Which steps get a layer together: how many are in each, in their order. */
export interface LayerPlan {
  /** How many of the kept layers are used, from the lowest. */
  readonly reused: 'all' | 'none';
  readonly sizes: readonly number[];
}

/**
 * Gives each step a layer of its own as long as all fit. Where they do not, the first ones share a layer, and the last ones
 * still have their own: those are what people change.
 * @param kept how many layers there are already, of the first steps.
 * @param keptSteps how many steps are in them.
 * @param steps how many there are in all.
 */
export function planLayers(kept: number, keptSteps: number, steps: number, most: number): LayerPlan {
  const [left, room] = [steps - keptSteps, most - kept];
  if (left <= room) return { reused: 'all', sizes: ones(left) };
  if (room < 1) return { reused: 'none', sizes: grouped(steps, most) };
  return { reused: 'all', sizes: grouped(left, room) };
}

/** Half of the room is left for steps that are added later. */
function grouped(steps: number, room: number): readonly number[] {
  if (steps <= room) return ones(steps);
  const alone = Math.floor(room / 2);
  return [steps - alone, ...ones(alone)];
}

function ones(count: number): readonly number[] {
  return Array.from({ length: count }, () => 1);
}
