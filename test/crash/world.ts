import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { erofsImage, releaseOf } from '../integration/support/images.ts';
import { quickAgent, type QuickAgent } from '../integration/support/quick-agent.ts';

/**
 * A scratch root with a past, which can be had again and again: three sets of extensions were in force, `a` came as an
 * image and was replaced twice, `d` is a directory, and both bring something to /usr and to /opt.
 */
export interface World extends AsyncDisposable {
  readonly lab: QuickAgent;
  /** Makes everything as it was at the start, merged as well; then runs a script whose directory is the root. */
  reset(script: string): Promise<void>;
}

/** What every state must have that is neither lost nor half: the extensions at their versions, as `Look.seen` has them. */
export const atStart = 'a 3, b 1, d 1';

/** How many operations the history has at the start. */
export const operationsAtStart = 3;

export async function makeWorld(): Promise<World> {
  const lab = await quickAgent();
  const { root } = lab.quick;
  const images = (version: string) => join(root, 'images', version);
  for (const version of ['1', '2', '3', '4']) {
    for (const name of ['a', 'b', 'c'])
      putFile(join(images(version), `${name}.raw`), erofsImage(filesOf(name, version)));
    for (const [path, text] of Object.entries(filesOf('d', version))) putFile(join(images(version), 'd', path), text);
  }
  await lab.ok('install', ...['a.raw', 'b.raw', 'd'].map((name) => join(images('1'), name)));
  for (const version of ['2', '3']) await lab.ok('install', join(images(version), 'a.raw'));
  const start = `${root}.start`;
  await lab.shell(`${unmount}
    rm -rf ${start}; cp -a . ${start}`);
  return {
    lab,
    reset: async (script) => {
      await lab.shell(`${unmount}
        rm -rf usr opt etc run var; cp -a ${start}/. .
        systemd-sysext merge --root="$PWD" >/dev/null 2>&1
        ${script}`);
    },
    [Symbol.asyncDispose]: async () => {
      await lab.shell(`rm -rf ${start}`);
      await lab[Symbol.asyncDispose]();
    },
  };
}

/** Takes off whatever a killed merge has left, one over the other. */
const unmount = `for hierarchy in usr opt; do while umount "$PWD/$hierarchy" 2>/dev/null; do :; done; done`;

function filesOf(name: string, version: string): Readonly<Record<string, string>> {
  return { ...releaseOf(name), [`usr/share/${name}/version`]: `${version}\n`, [`opt/${name}/version`]: `${version}\n` };
}

function putFile(path: string, content: string | Buffer): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}
