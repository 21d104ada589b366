/** Priorities of the journal (sd-daemon(3)). */
export const priorities = { error: 3, warning: 4, notice: 5, info: 6 } as const;

export type Priority = keyof typeof priorities;

/** Something that the service tells, always in the same words; what differs stands in its fields. */
export interface Message {
  /** The MESSAGE_ID by which programs know it: never another one for the same event. */
  readonly id: string;
  readonly priority: Priority;
  readonly text: string;
}

/** Everything that the service tells; docs/daemon.md has a row for each. */
export const messages = {
  started: { id: '21ca036459cf47479a2a2eda6e2ced9c', priority: 'info', text: 'the service has started' },
  stopped: { id: 'b03f5920793144f78b5f76d272a1935a', priority: 'info', text: 'the service has ended' },
  changed: { id: '66e4a5a8c20c496e94b925435b50c025', priority: 'notice', text: 'extensions were changed' },
  failed: { id: '894bb6c9a5c64c32895346d21505d035', priority: 'error', text: 'what is wanted could not be done' },
  rolledBack: { id: '62b37ec63c244d6d82f741842f1f6c1e', priority: 'error', text: 'extensions were rolled back' },
  problem: { id: 'a5bb300f87fc410ea4cd6ba20204c335', priority: 'warning', text: 'a drop-in has a problem' },
  solved: { id: '0cb60b638ce34f5997096117650f90b3', priority: 'info', text: 'a problem is solved' },
  guarded: {
    id: 'f15859904c594f9a89036fffd6c96d06',
    priority: 'warning',
    text: 'nothing is removed until it is confirmed',
  },
  waits: { id: 'e68c21914cf041048812ceaee473dc02', priority: 'info', text: 'changes wait' },
  warning: { id: 'b2bdbc9dfb894a5392778242a21b1c62', priority: 'warning', text: 'something is to be looked at' },
  progress: { id: 'eda2a04d4caa45b68bbe327714fad06c', priority: 'info', text: 'an image is being built' },
  unwatched: { id: '58d53cc97a944000934bdd6f9f6bfc43', priority: 'warning', text: 'changes of files may not be seen' },
  nameTaken: {
    id: '7d6a0c5c6f1f4c0f9a3f2f0b1f8e4d27',
    priority: 'warning',
    text: 'another program has our name on the bus: calls go there until it ends',
  },
  nameRefused: {
    id: 'c2b0a5f3e9a64d70b9d5d1a7f1c6e038',
    priority: 'warning',
    text: 'the bus does not let us have our name: nobody can call us',
  },
} as const satisfies Record<string, Message>;
