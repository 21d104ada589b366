import { writeFileSync } from 'node:fs';
import type { Script } from 'node:vm';

import { runBundle } from './load.ts';

/**
 * Runs one command of the bundle and keeps beside every file what V8 compiled of it, on top of what earlier commands
 * left there: `node train.ts DIST COMMAND...`. Functions that no command ran are compiled when they are called.
 */
const [dist = ''] = process.argv.splice(2, 1);
const scripts = new Map<string, Script>();

process.on('exit', () => {
  process.exitCode = 0;
  for (const [path, script] of scripts) writeFileSync(`${path}.cache`, script.createCachedData());
});
runBundle(dist, (path, script) => scripts.set(path, script));
