/** The ways to change what is merged: docs/merge-drivers.md. */
export const driverNames = ['atomic', 'refresh'] as const;
export type DriverName = (typeof driverNames)[number];

/** What the configuration may ask for: `auto` is the best one that the host has. */
export const driverWishes = ['auto', ...driverNames] as const;
export type DriverWish = (typeof driverWishes)[number];

export interface DriverChoice {
  readonly driver: DriverName;
  /** In words, without a full stop. */
  readonly why: string;
  /** Whether nothing else is allowed, and this host cannot do it. */
  readonly impossible?: true;
}

/** What the choice goes by. */
export interface DriverFacts {
  /** The directory that stands for `/`. */
  readonly root: string;
  /** The release of the kernel, as uname(2) says it. */
  readonly kernel: string;
  /** Where the program is that swaps; undefined where it is missing. */
  readonly program?: string | undefined;
  /** What has the hierarchies be writable while they are merged; undefined where nothing has. */
  readonly mutable?: string | undefined;
}

export const otherRoot = 'this is another root than /';

/** Linux has MOVE_MOUNT_BENEATH from then on (move_mount(2)). */
const oldestKernel = [6, 5] as const;

/** Chooses how what is merged is changed. */
export function chooseDriver(wish: DriverWish, facts: DriverFacts): DriverChoice {
  if (facts.root !== '/') return { driver: 'refresh', why: otherRoot };
  if (wish === 'refresh') return { driver: 'refresh', why: 'merge.driver says so' };
  const obstacle = obstacleOf(facts);
  if (obstacle === undefined) return { driver: 'atomic', why: `Linux ${facts.kernel} mounts beneath what is mounted` };
  return wish === 'auto' ? { driver: 'refresh', why: obstacle } : { driver: 'atomic', why: obstacle, impossible: true };
}

function obstacleOf({ kernel, program, mutable }: DriverFacts): string | undefined {
  if (!isRecent(kernel)) return `Linux ${kernel} cannot mount beneath what is mounted: ${oldestKernel.join('.')} can`;
  if (program === undefined) return 'sysext-agent-swap is not installed beside this program';
  return mutable && `what is merged can be written to: ${mutable}`;
}

function isRecent(kernel: string): boolean {
  const [major = 0, minor = 0] = kernel.split(/[^0-9]+/).map(Number);
  return major > oldestKernel[0] || (major === oldestKernel[0] && minor >= oldestKernel[1]);
}
