import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

import type { PreparedSources } from '../../src/builder/making/making-step.ts';
import { prepareSources } from '../../src/builder/source/prepare.ts';
import type { SourceMeans } from '../../src/builder/source/means.ts';
import { parseSpec } from '../../src/builder/spec/parse.ts';
import { systemClock } from '../../src/host/clock.ts';
import { createExec } from '../../src/host/exec.ts';
import { createHttp } from '../../src/host/http.ts';
import { silent } from '../../src/host/progress.ts';

function unavailable(what: string): never {
  throw new Error(`this test has no ${what}`);
}

/** What sources are brought with in a test: a cache in a directory, and no more than the test gives. */
export function sourceMeans(directory: string, given: Partial<SourceMeans> = {}): SourceMeans {
  const work = join(directory, 'work');
  mkdirSync(work, { recursive: true });
  return {
    exec: createExec({}),
    http: createHttp({ env: {}, clock: { ...systemClock, sleep: () => Promise.resolve() } }),
    clock: systemClock,
    progress: silent,
    git: { open: () => unavailable('git') },
    images: { find: () => unavailable('registry'), fetch: () => unavailable('registry') },
    adopt: () => Promise.resolve(),
    remove: () => Promise.resolve(),
    cacheDirectory: directory,
    work,
    contexts: new Map(),
    secrets: new Map(),
    knownHosts: [],
    architecture: 'x86-64',
    buildArguments: {},
    proxies: {},
    offline: false,
    ...given,
  };
}

/** Prepares the sources of a spec, which is given as what stands below its name. */
export function prepared(fields: string, means: SourceMeans): Promise<PreparedSources> {
  return prepareSources(parseSpec(`name: a\n${fields}`, 'a.yml'), means);
}

/** What is in a layer: of each path its mode and text, or where it leads. */
export function filesOf(layer: string): Record<string, string> {
  const found: Record<string, string> = {};
  const look = (below: string) => {
    for (const name of readdirSync(join(layer, below)).sort()) {
      const path = join(below, name);
      const status = lstatSync(join(layer, path));
      const mode = (status.mode & 0o7777).toString(8);
      if (status.isSymbolicLink()) found[path] = `-> ${readlinkSync(join(layer, path))}`;
      else if (status.isDirectory()) {
        found[`${path}/`] = mode;
        look(path);
      } else found[path] = `${mode} ${readFileSync(join(layer, path), 'utf8')}`;
    }
  };
  if (existsSync(layer)) look('');
  return found;
}
