/** Priorities of the journal (sd-daemon(3)). */
export const priorities = { error: 3, warning: 4, notice: 5, info: 6 } as const;

export type Priority = keyof typeof priorities;

/** Something that is told, always in the same words; what differs stands in its fields. */
export interface Message {
  /** The MESSAGE_ID by which programs know it: never another one for the same event. */
  readonly id: string;
  readonly priority: Priority;
  readonly text: string;
  /**
   * For the events that matter: what `journalctl --catalog` explains them with, `@SYSEXT_NAME@` for the value of the field
   * `name`. Only these have their MESSAGE_ID as a field of the journal.
   */
  readonly explanation?: string;
}

/** Everything that is told in the journal; docs/daemon.md has a row for each. */
export const messages = {
  started: { id: '21ca036459cf47479a2a2eda6e2ced9c', priority: 'info', text: 'the service has started' },
  stopped: { id: 'b03f5920793144f78b5f76d272a1935a', priority: 'info', text: 'the service has ended' },
  changed: {
    id: '66e4a5a8c20c496e94b925435b50c025',
    priority: 'notice',
    text: 'extensions were changed',
    explanation: `Installed: @SYSEXT_INSTALLED@
Replaced: @SYSEXT_REPLACED@
Removed: @SYSEXT_REMOVED@
Merged now: @SYSEXT_MERGED@

"sysext-agent history" tells who did it, and why; "sysext-agent rollback" goes back.`,
  },
  upgraded: {
    id: '32b3589f7aa64fd280ea857e2008a843',
    priority: 'notice',
    text: 'newer versions were installed',
    explanation: `Newer versions of what the drop-ins of the fleet have installed are in place: @SYSEXT_EXTENSIONS@

"sysext-agent rollback" goes back, "sysext-agent hold NAME" keeps an extension as it is.`,
  },
  failed: {
    id: '894bb6c9a5c64c32895346d21505d035',
    priority: 'error',
    text: 'what is wanted could not be done',
    explanation: `@SYSEXT_ERROR@

Nothing of it was done, or all of it was undone. The service tries again, later and later.
"sysext-agent status" tells how the host is now.`,
  },
  rolledBack: {
    id: '62b37ec63c244d6d82f741842f1f6c1e',
    priority: 'error',
    text: 'extensions were rolled back',
    explanation: `The host was not well with them: @SYSEXT_ERROR@

What was in place before is in place again. The images are refused from now on; a newer version is tried, and
"sysext-agent install --retry" tries the same again. "sysext-agent explain NAME" tells what the check said.`,
  },
  quarantined: {
    id: 'fc073b5b627e4024a2019b565e8811c8',
    priority: 'error',
    text: 'images are not what they were',
    explanation: `The content of these images is damaged: @SYSEXT_IMAGES@

They were taken out of systemd's sight, so that the others can be merged. Installing the extensions again mends it.`,
  },
  problem: {
    id: 'a5bb300f87fc410ea4cd6ba20204c335',
    priority: 'warning',
    text: 'a drop-in has a problem',
    explanation: `@SYSEXT_PROBLEM@

Only what this drop-in asks for is not done. extensions.d(5) has the format; "sysext-agent config check" finds
problems before they are on a host.`,
  },
  solved: { id: '0cb60b638ce34f5997096117650f90b3', priority: 'info', text: 'a problem is solved' },
  guarded: {
    id: 'f15859904c594f9a89036fffd6c96d06',
    priority: 'warning',
    text: 'nothing is removed until it is confirmed',
    explanation: `The drop-ins would have everything removed that they had installed: @SYSEXT_EXTENSIONS@

@SYSEXT_NEXT@`,
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
  leftOut: {
    id: 'cde36ab92ea1447caec98760e92a965a',
    priority: 'warning',
    text: 'this boot goes without extensions that do not fit the system',
    explanation: `Left out: @SYSEXT_EXTENSIONS@

They come back at a boot of a system that they fit, and go when another image of them is installed.
"sysext-agent check-os" tells before an update of the system what would be left out, and takes images for it.`,
  },
  givenUp: {
    id: '450067b8ca7d44dabf6e437081c20640',
    priority: 'error',
    text: 'a set of extensions was given up, since boots with it did not come up well',
    explanation: `@SYSEXT_REASON@
Refused from now on: @SYSEXT_REFUSED@

A newer version is tried, and "sysext-agent install --retry" tries the same again.`,
  },
  confirmed: {
    id: 'aa77876b12f1424c8368735ba7e95c80',
    priority: 'info',
    text: 'this boot came up well',
    explanation: `What is merged is what is recorded, and the health checks passed. Generation: @SYSEXT_GENERATION@
The host can go back to this set, should a later one not come up well.`,
  },
  notConfirmed: {
    id: '78fa55c2566a4e75a1cf30cdf635747d',
    priority: 'error',
    text: 'this boot did not come up well',
    explanation: `@SYSEXT_ERROR@

After three such boots with one set of extensions the fourth goes back to the last that came up well.
When it is mended, "sysext-agent confirm" confirms the boot.`,
  },
} as const satisfies Record<string, Message>;

/** The catalog of the journal: https://systemd.io/CATALOG/. */
export function messageCatalog(all: readonly Message[] = Object.values(messages)): string {
  const entries = all.flatMap(({ id, text, explanation }) =>
    explanation === undefined
      ? []
      : [`-- ${id}\nSubject: ${text}\nDefined-By: sysext-agent\n${documentation}\n\n${explanation}\n`],
  );
  return entries.join('\n');
}

const documentation = 'Documentation: man:sysext-agent(1)';
