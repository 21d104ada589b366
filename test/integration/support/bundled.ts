import { readFileSync } from 'node:fs';
import { join, parse, resolve } from 'node:path';

import { buildSync } from 'esbuild';

import type { Machine } from '../../lab/machine.ts';
import { temporaryDirectory } from '../../support/archives.ts';

const checkout = resolve(import.meta.dirname, '../../..');
const node = '/srv/sysext-agent/node_modules/.bin/node';

/**
 * Puts a program of the tests into a machine as one file with all that it imports of `src`: it starts several times as
 * fast as from its sources.
 * @param path of the program, in the checkout.
 * @returns the command that runs it there.
 */
export async function bundled(machine: Machine, path: string): Promise<string[]> {
  using work = temporaryDirectory();
  const outfile = work.at('program.mjs');
  // Libraries stay where npm put them: one of them is no JavaScript.
  const format = { bundle: true, platform: 'node', format: 'esm', packages: 'external' } as const;
  buildSync({ ...format, entryPoints: [join(checkout, path)], outfile, absWorkingDir: checkout, logLevel: 'warning' });
  const program = `/srv/bundled/${parse(path).name}.mjs`;
  await machine.write(program, readFileSync(outfile, 'utf8'));
  await machine.shell('ln -sfn /srv/sysext-agent/node_modules /srv/sysext-agent/dist/sysext-agent-* /srv/bundled/');
  return [node, program];
}
