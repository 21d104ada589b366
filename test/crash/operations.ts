import { atStart } from './world.ts';

/** An operation of the agent that is to go wrong. */
export interface Operation {
  readonly name: string;
  /** Arguments of the agent; its working directory is the root. */
  readonly args: readonly string[];
  /** What is changed at the start, by a script whose directory is the root. */
  readonly setUp?: string;
  /** What is merged where it has not happened, and where it has; a second way for what was lost before it began. */
  readonly before: readonly string[];
  readonly after: string;
  /** Whether images of earlier sets may be gone afterwards. */
  readonly forgets?: boolean;
  /** Whether entries are lost at the start. */
  readonly drifted?: boolean;
}

/** A foreign image that stops every merge, and a mask for one that is gone. */
const spoil = `: >var/lib/extensions/bad.raw
  mkdir -p run/extensions/gone; echo 'it was bad' >run/extensions/gone/.masked-by-sysext-agent`;

export const operations: readonly Operation[] = [
  { name: 'install', args: ['install', 'images/1/c.raw'], before: [atStart], after: 'a 3, b 1, c 1, d 1' },
  {
    name: 'upgrade',
    args: ['install', 'images/4/a.raw', 'images/4/d'],
    before: [atStart],
    after: 'a 4, b 1, d 4',
  },
  { name: 'remove', args: ['remove', 'a', 'd'], before: [atStart], after: 'b 1' },
  { name: 'rollback', args: ['rollback'], before: [atStart], after: 'a 2, b 1, d 1' },
  { name: 'refresh', args: ['refresh'], setUp: spoil, before: [atStart], after: atStart },
  { name: 'gc', args: ['gc', '--keep=1'], before: [atStart], after: atStart, forgets: true },
  {
    name: 'apply',
    args: ['apply'],
    setUp: `${spoil}
      mv var/lib/extensions/{b.raw,d} var/`,
    before: [atStart, 'a 3'],
    after: atStart,
    drifted: true,
  },
];
