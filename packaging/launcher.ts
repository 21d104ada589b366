import { existsSync, readFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';

/**
 * Starts the bundle with code that V8 compiled when the bundle was made (compile.ts). Node's own compile cache keeps
 * only the functions that run at once, which leaves a build 15 ms slower. V8 itself refuses a cache that is not of this
 * Node and this source, and then compiles as ever.
 */
type Loader = (
  exports: object,
  require: (name: string) => unknown,
  module: object,
  path: string,
  directory: string,
) => void;

const loaded = new Map<string, unknown>();

/** What `require` means in a file: our libraries come compiled, anything else as ever. */
function requireIn(file: string): (name: string) => unknown {
  const requireOther = createRequire(file);
  return (name) => {
    const path = join(__dirname, 'node_modules', name, 'index.js');
    if (!existsSync(`${path}.cache`)) return requireOther(name) as unknown;
    if (!loaded.has(path)) loaded.set(path, load(path));
    return loaded.get(path);
  };
}

function load(path: string): unknown {
  const cache = `${path}.cache`;
  const options = existsSync(cache) ? { filename: path, cachedData: readFileSync(cache) } : { filename: path };
  const script = new Script(Module.wrap(readFileSync(path, 'utf8')), options);
  const module = { exports: {} };
  (script.runInThisContext() as Loader)(module.exports, requireIn(path), module, path, dirname(path));
  return module.exports;
}

load(join(__dirname, 'sysext-agent.cjs'));
