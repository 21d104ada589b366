import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { checkedDropIns } from '../../src/host/checked-drop-ins.ts';
import { runCommand } from '../lab/command.ts';
import { temporaryDirectory } from '../support/archives.ts';

const roots = ['/etc', '/run', '/usr/local/lib', '/usr/lib'] as const;
const directories = roots.map((root) => `${root}/tmpfiles.d`);

/** What can be at a path: a text, nothing, or the target of a link. */
type Content = { readonly text: string } | { readonly target: string };

/** The drop-ins that systemd sees, as it prints them: paths and texts. */
async function seenBySystemd(root: string): Promise<string> {
  const { stdout, stderr } = await runCommand(['systemd-analyze', `--root=${root}`], ['cat-config', 'tmpfiles.d']);
  return `${stdout}${stderr}`;
}

function make(path: string, content: Content): void {
  mkdirSync(dirname(path), { recursive: true });
  if ('text' in content) writeFileSync(path, content.text);
  else symlinkSync(content.target, path);
}

function seenByUs(root: string): string[] {
  const { dropIns } = checkedDropIns(directories, { root, suffix: '.conf', trusted: true });
  return dropIns.map((found) => `${found.path} ${found.kind === 'file' ? found.text : ''}`.trim());
}

/** What `cat-config` prints as lines like ours. */
function sections(printed: string): string[] {
  return printed
    .split(/^# (?=\/)/m)
    .slice(1)
    .map((section) => section.trim().split(/\n+/).join(' '));
}

const name = fc.constantFrom(
  'a.conf',
  'b.conf',
  'B.conf',
  '10-z.conf',
  '9.conf',
  'a-b.conf',
  '.h.conf',
  'a.conf~',
  'c.conf.bak',
);
const content: fc.Arbitrary<Content> = fc.oneof(
  { weight: 3, arbitrary: fc.nat(999).map((text) => ({ text: `${text}` })) },
  fc.constant({ text: '' }),
  fc.constant({ target: '/dev/null' }),
);
const tree = fc.uniqueArray(fc.tuple(fc.constantFrom(...directories), name, content), {
  minLength: 4,
  maxLength: 16,
  selector: ([directory, file]) => `${directory}/${file}`,
});

test('which drop-ins count, and in which order, is what systemd says', async () => {
  const seed = Date.now() % 1_000_000;
  for (const entries of fc.sample(tree, { numRuns: 12, seed })) {
    using root = temporaryDirectory();
    for (const [directory, file, what] of entries) make(root.at(`${directory}/${file}`), what);

    expect({ seed, seen: seenByUs(root.path) }).toEqual({ seed, seen: sections(await seenBySystemd(root.path)) });
  }
});

test.each([
  [
    'leads nowhere',
    (path: string) => {
      symlinkSync('nowhere', path);
    },
  ],
  [
    'is a directory',
    (path: string) => {
      mkdirSync(path);
    },
  ],
])('a drop-in that %s takes the place of others of its name, as for systemd', async (_, makeAt) => {
  using root = temporaryDirectory();
  make(root.at('usr/lib/tmpfiles.d/a.conf'), { text: 'vendor' });
  mkdirSync(root.at('etc/tmpfiles.d'), { recursive: true });
  makeAt(root.at('etc/tmpfiles.d/a.conf'));

  expect(seenByUs(root.path)).toEqual([root.at('etc/tmpfiles.d/a.conf')]);
  expect(await seenBySystemd(root.path)).toMatch(/Failed to cat .*\/etc\/tmpfiles\.d\/a\.conf/);
});
