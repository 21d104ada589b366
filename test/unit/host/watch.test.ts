import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { watchPaths, type Watch } from '../../../src/host/watch.ts';
import { waitFor } from '../../lab/wait.ts';
import { temporaryDirectory } from '../../support/archives.ts';

let tree: ReturnType<typeof temporaryDirectory>;
let watch: Watch;
let seen: string[];

beforeEach(async () => {
  tree = temporaryDirectory();
  mkdirSync(tree.at('etc'));
  await arm();
});

/** Watches, as it is to be done anew where directories came or went. */
async function arm(): Promise<void> {
  seen = [];
  const paths = [
    tree.at('etc/agent/agent.yml'),
    tree.at('etc/agent/extensions.d'),
    tree.at('usr/local/lib/agent/agent.d'),
  ];
  watch = await watchPaths(paths, {
    changed: (path) => seen.push(path.slice(tree.path.length + 1)),
    failed: (why) => seen.push(`failed: ${why}`),
  });
}

async function rearm(): Promise<void> {
  expect(watch.isCurrent()).toBe(false);
  await watch[Symbol.asyncDispose]();
  await arm();
  expect(watch.isCurrent()).toBe(true);
}

afterEach(async () => {
  await watch[Symbol.asyncDispose]();
  tree[Symbol.dispose]();
});

/** Waits until a change of this path was told. */
const told = (path: string) =>
  waitFor(`a change of ${path}`, () => Promise.resolve(seen.includes(path) ? true : undefined));

const dropIn = 'etc/agent/extensions.d/50-jq.yml';

test('directories that do not exist yet are watched once they do, as deep as they are', async () => {
  mkdirSync(tree.at('etc/agent/extensions.d'), { recursive: true });
  await told('etc/agent/extensions.d');
  await rearm();
  writeFileSync(tree.at(dropIn), 'extensions: {}\n');
  await told(dropIn);

  mkdirSync(tree.at('usr/local/lib/agent/agent.d'), { recursive: true });
  await told('usr/local/lib/agent/agent.d');
  await rearm();
  writeFileSync(tree.at('usr/local/lib/agent/agent.d/1.yml'), '{}\n');
  await told('usr/local/lib/agent/agent.d/1.yml');
});

test('writing, renaming into place, linking and removing are told; what is beside is not', async () => {
  mkdirSync(tree.at('etc/agent/extensions.d'), { recursive: true });
  await told('etc/agent/extensions.d');
  await rearm();
  const changes: (() => void)[] = [
    () => {
      writeFileSync(tree.at(dropIn), 'extensions: {}\n');
    },
    () => {
      writeFileSync(tree.at(dropIn), 'extensions: {jq: {state: absent}}\n');
    },
    () => {
      writeFileSync(tree.at('etc/agent/.new'), '{}\n');
      renameSync(tree.at('etc/agent/.new'), tree.at(dropIn));
    },
    () => {
      rmSync(tree.at(dropIn));
    },
    () => {
      symlinkSync('/dev/null', tree.at(dropIn));
    },
    () => {
      rmSync(tree.at('etc/agent'), { recursive: true });
    },
  ];
  for (const change of changes) {
    seen = [];
    change();
    await told(dropIn);
  }
  mkdirSync(tree.at('etc/agent'));
  await rearm();
  writeFileSync(tree.at('etc/other.yml'), '');
  writeFileSync(tree.at('etc/agent/other.yml'), '');
  writeFileSync(tree.at('etc/agent/agent.yml'), '{}\n');
  await told('etc/agent/agent.yml');

  expect(seen.filter((path) => path.includes('other') || path.includes('.new'))).toEqual([]);
});

test('it knows where something else lies in the place of what it watches', async () => {
  expect(watch.isCurrent()).toBe(true);
  renameSync(tree.at('etc'), tree.at('old'));
  mkdirSync(tree.at('etc'));
  await rearm();
});
