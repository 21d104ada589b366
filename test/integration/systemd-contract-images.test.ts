import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Verdict } from '../../src/systemd/verdicts.ts';
import { bootMachine } from '../lab/machine.ts';
import { systemdVersions } from '../lab/rootfs.ts';
import { layOutBadImages, makeBadImages } from './support/bad-images.ts';
import { observe } from './support/observation.ts';

/** What systemd-sysext makes of bad images, beside what we foretell. */

const roots = '/var/tmp/roots';

/**
 * The real tool with each root's images in /var/lib/extensions: what is merged afterwards, one line a root. Over an
 * os-release file in a raw image it tries for six seconds to give its loop device back, over a fifo it waits for ever.
 */
const script = `
rm -rf /var/lib/extensions
cd ${roots}
for root in *; do
  ln -sfn "$PWD/$root/var/lib/extensions" /var/lib/extensions
  case $root in *fifo*) limit=2;; *) limit=60;; esac
  timeout $limit systemd-sysext refresh >/dev/null 2>&1 || true
  echo "$root: $(echo $(cat /usr/.systemd-sysext/extensions 2>/dev/null))"
  systemd-sysext unmerge >/dev/null 2>&1
done
`;

/** What the tool made of the image beside `good`. */
function outcomeOf(line: string): string {
  const merged = line
    .slice(line.lastIndexOf(':') + 1)
    .trim()
    .split(' ');
  if (!merged.includes('good')) return 'stops';
  return merged.length > 1 ? 'merges' : 'ignored';
}

/** Which outcomes a verdict of ours leaves open. */
const possible: Readonly<Record<Verdict['outcome'], readonly string[]>> = {
  merges: ['merges'],
  ignored: ['ignored'],
  stops: ['stops'],
  damaged: ['merges', 'stops'],
  unknown: ['merges', 'ignored', 'stops'],
};

let made: ReturnType<typeof makeBadImages>;

beforeAll(() => {
  made = makeBadImages();
});

afterAll(() => {
  made[Symbol.dispose]();
});

/** All at once: most of the time the tool only waits. */
test.concurrent.each(systemdVersions)(
  'systemd %d does with bad images what we foretell',
  async (version) => {
    await using machine = await bootMachine({ systemd: version });
    const titles = await layOutBadImages(machine, made.path, roots);
    const lines = (await machine.shell(script, { timeoutMs: 600_000 })).trimEnd().split('\n');
    const observations = await observe(machine, ...titles.map((title) => join(roots, title)));

    const rows = titles.map((title, index) => {
      const verdict = observations[index]?.images.find(({ image }) => image.name !== 'good')?.verdict;
      return { title, ours: verdict?.outcome ?? 'ignored', theirs: outcomeOf(lines[index] ?? '') };
    });
    const wrong = rows.filter(({ ours, theirs }) => !possible[ours].includes(theirs));
    expect(wrong).toEqual([]);
    expect(lines).toHaveLength(titles.length);
    expect(new Set(rows.map(({ theirs }) => theirs))).toEqual(new Set(['merges', 'ignored', 'stops']));
    expect(rows.filter(({ ours }) => ours === 'damaged').map(({ title }) => title)).toEqual([
      'a directory for os-release (raw)',
      'a fifo for a release file (raw)',
      'erofs cut after its first block (raw)',
      'erofs cut in its superblock (raw)',
      'erofs cut in the middle (raw)',
    ]);
    expect(rows.filter(({ ours }) => ours === 'unknown')).toEqual([]);
    expect(rows.filter(({ title }) => title.startsWith('ext4'))).toEqual([
      { title: 'ext4 (raw)', ours: 'merges', theirs: 'merges' },
      { title: 'ext4 cut in the middle (raw)', ours: 'stops', theirs: 'stops' },
    ]);
  },
  900_000,
);
