import { existsSync, readFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';

type Body = (
  exports: object,
  require: (name: string) => unknown,
  module: object,
  path: string,
  directory: string,
) => void;

/**
 * Runs the bundle in `dist` with the code that V8 compiled when it was made (train.ts). Node's own compile cache keeps
 * only the functions that run at once, which leaves a build 15 ms slower. V8 itself refuses a cache that is not of this
 * Node and this source, and then compiles as ever.
 * @param seen is given every file of ours that is loaded.
 */
export function runBundle(dist: string, seen: (path: string, script: Script) => void = () => undefined): void {
  const loaded = new Map<string, unknown>();

  /** What `require` means in a file: our libraries come compiled, anything else as ever. */
  const requireIn = (file: string) => {
    const requireOther = createRequire(file);
    return (name: string): unknown => {
      const path = join(dist, 'node_modules', name, 'index.js');
      if (name.startsWith('node:') || !existsSync(path)) return requireOther(name) as unknown;
      if (!loaded.has(path)) loaded.set(path, load(path));
      return loaded.get(path);
    };
  };
  const load = (path: string): unknown => {
    const cache = `${path}.cache`;
    const options = existsSync(cache) ? { filename: path, cachedData: readFileSync(cache) } : { filename: path };
    const script = new Script(Module.wrap(readFileSync(path, 'utf8')), options);
    seen(path, script);
    const module = { exports: {} };
    (script.runInThisContext() as Body)(module.exports, requireIn(path), module, path, dirname(path));
    return module.exports;
  };
  load(join(dist, 'sysext-agent.cjs'));
}
