import { chmodSync, cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { build } from 'esbuild';

/**
 * Makes dist/: what packages ship. One bundled file, the native part of better-sqlite3 beside it, the target files, and
 * a launcher that turns on Node's compile cache.
 */
const top = join(import.meta.dirname, '..');
const dist = join(top, 'dist');

rmSync(dist, { recursive: true, force: true });

await build({
  entryPoints: [join(top, 'src/cli/main.ts')],
  outfile: join(dist, 'sysext-agent.mjs'),
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  minifySyntax: true,
  legalComments: 'linked',
  external: ['better-sqlite3'],
  // Packages that are still CommonJS call require(), which a module has only when it makes it.
  banner: {
    js: "import { createRequire as createBundleRequire } from 'node:module'; const require = createBundleRequire(import.meta.url);",
  },
  logLevel: 'warning',
});

cpSync(join(top, 'targets'), join(dist, 'targets'), { recursive: true });
for (const part of ['package.json', 'LICENSE', 'lib', 'prebuilds']) {
  cpSync(join(top, 'node_modules/better-sqlite3', part), join(dist, 'node_modules/better-sqlite3', part), {
    recursive: true,
  });
}

writeFileSync(
  join(dist, 'main.mjs'),
  `import { enableCompileCache } from 'node:module';\nenableCompileCache(process.env.SYSEXT_AGENT_COMPILE_CACHE ?? '/var/cache/sysext-agent/compiled');\nawait import('./sysext-agent.mjs');\n`,
);
writeFileSync(
  join(dist, 'sysext-agent'),
  `#!/bin/sh\nset -eu\nhere=$(CDPATH= cd -- "$(dirname -- "$(readlink -f -- "$0")")" && pwd)\nunset NODE_OPTIONS\nexec "\${SYSEXT_AGENT_NODE:-$here/node}" "$here/main.mjs" "$@"\n`,
);
chmodSync(join(dist, 'sysext-agent'), 0o755);
