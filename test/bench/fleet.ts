import { copyFileSync, linkSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { sha256OfFile } from '../../src/host/digest.ts';
import { ratio, type Result } from './result.ts';
import { measure, mustRun } from './timing.ts';

const installed = 100;
const planned = 200;
const store = '/var/lib/sysext-agent/images';
const extensions = '/var/lib/extensions';

/**
 * (i): the plan for 200 extensions of which 20 change, with the looking around that it needs, against reading the same
 * os-release and directory entries bare. (j): one changed extension among 100, against the bare tool merging the same.
 */
export function fleetResults(work: string, agent: readonly string[], runs: number): Result[] {
  const images = Array.from({ length: planned }, (_, number) => makeImage(work, nameOf(number), 'first'));
  return [...planResults(images, runs), ...changeResults(work, agent, images.slice(0, installed), runs)];
}

function planResults(images: readonly string[], runs: number): Result[] {
  for (const path of [store, extensions]) mkdirSync(path, { recursive: true });
  images.forEach((image, number) => {
    const stored = join(store, `${sha256OfFile(image)}.raw`);
    copyFileSync(image, stored);
    linkSync(stored, join(extensions, `${nameOf(number)}.raw`));
  });
  // What has just been written may be written again within the same tick of the clock, and is read each time.
  mustRun(['sleep', '3']);
  const printed = mustRun([process.execPath, join(import.meta.dirname, 'plan-program.ts'), String(runs * 10)]);
  for (const path of [store, extensions]) rmSync(path, { recursive: true });
  const { ours, floor } = JSON.parse(printed) as Record<'ours' | 'floor', number>;
  return [ratio('(i) plan of 20 changes among 200 / reading os-release and entries', ours, floor, 5)];
}

function changeResults(work: string, agent: readonly string[], images: readonly string[], runs: number): Result[] {
  mustRun([...agent, 'install', ...images]);
  let version = 0;
  let changed = '';
  const { ours, floor } = measure(
    {
      ours: {
        argv: () => [...agent, 'install', changed],
        prepare: () => {
          changed = makeImage(work, nameOf(50), `version ${version++}`);
        },
      },
      floor: { argv: () => ['systemd-sysext', 'refresh'] },
    },
    runs,
  );
  return [
    ratio(`(j) install of one of ${installed} extensions / systemd-sysext refresh`, ours.elapsed, floor.elapsed, 1.5),
    ratio("(j') the same by processor time", ours.busy, floor.busy, 1.5),
    ratio("(j'') the same, fastest runs", ours.fastest, floor.fastest, 1.5),
  ];
}

/** Short ones: systemd 252 mounts the directories of all extensions with options of one page. */
function nameOf(number: number): string {
  return `e${number}`;
}

/** An image with a program and 20 texts. */
export function makeImage(work: string, name: string, content: string): string {
  const tree = join(work, 'fleet-tree');
  rmSync(tree, { recursive: true, force: true });
  const [programs, texts, releases] = ['bin', `share/${name}`, 'lib/extension-release.d'].map((path) =>
    join(tree, 'usr', path),
  ) as [string, string, string];
  for (const path of [programs, texts, releases]) mkdirSync(path, { recursive: true });
  writeFileSync(join(programs, name), `#!/bin/sh\necho ${content}\n`, { mode: 0o755 });
  for (let number = 0; number < 20; number++) writeFileSync(join(texts, `${number}.txt`), `${content}\n`.repeat(2000));
  writeFileSync(join(releases, `extension-release.${name}`), 'ID=_any\n');
  mkdirSync(join(work, 'fleet'), { recursive: true });
  const image = join(work, 'fleet', `${name}.raw`);
  rmSync(image, { force: true });
  mustRun(['mkfs.erofs', '--quiet', '-zlz4hc', '-x-1', '--all-root', image, tree]);
  return image;
}
