import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { build, type BuildOptions, type Plugin } from 'esbuild';

import { buildNative, nativePrograms } from './native.ts';

/**
 * Makes dist/, what packages ship: our code as one file, beside it every library as one file of its own, so that a
 * command loads only those it uses, and all of it compiled ahead. CommonJS, since Node starts it 15 ms faster than the
 * same code as modules. Beside it the one program that is not Node's. Run it with the Node that ships.
 */
const top = join(import.meta.dirname, '..');
const dist = join(top, 'dist');
const program = join(dist, 'sysext-agent.cjs');

/** Libraries that not every command needs, and where each begins; of SQLite only what runs on this machine. */
const libraries = {
  '@sigstore/bundle': '@sigstore/bundle',
  '@sigstore/protobuf-specs': '@sigstore/protobuf-specs',
  '@sigstore/verify': '@sigstore/verify',
  'better-sqlite3': `better-sqlite3/linux-${process.arch}`,
  chokidar: 'chokidar',
  'dbus-next': 'dbus-next',
  execa: 'execa',
  openpgp: 'openpgp',
  pino: 'pino',
  re2js: 're2js',
  yaml: 'yaml',
};

/** commander can start programs as subcommands; we have none, and loading what starts them takes 3 ms. */
const noSubprograms: Plugin = {
  name: 'no-subprograms',
  setup: (bundle) => {
    bundle.onResolve({ filter: /^(node:)?child_process$/ }, ({ importer }) =>
      importer.includes('/commander/') ? { path: 'none', namespace: 'none' } : undefined,
    );
    bundle.onLoad({ filter: /.*/, namespace: 'none' }, () => ({ contents: 'module.exports = {};' }));
  },
};

/** What can be made, and does nothing: dbus-next makes a builder of XML for each connection. */
const noPart = 'class None {} module.exports = Object.assign(None, { default: None, XMLParser: None });';

/**
 * Parts of libraries that nothing of ours calls, and that cost memory by being loaded: pino's threads for other
 * destinations, and the XML of dbus-next's own proxies.
 */
const noUnusedParts: Plugin = {
  name: 'no-unused-parts',
  setup: (bundle) => {
    bundle.onResolve({ filter: /^(thread-stream|fast-xml-parser|fast-xml-builder)$/ }, () => ({
      path: 'none',
      namespace: 'none',
    }));
    bundle.onLoad({ filter: /.*/, namespace: 'none' }, () => ({ contents: noPart }));
  },
};

/** Modules of Node that take long to load, and that most commands do not need. */
const slow = /^node:(child_process|crypto|fs\/promises|https?|net|timers\/promises|tls|v8|zlib)$/;

/**
 * What is imported of these modules is looked up when it is used, in the module itself: all of them would be loaded by every
 * command, and of `node:fs` every file that imports it would get a copy of each name.
 */
const lookedUpLate: Plugin = {
  name: 'looked-up-late',
  setup: (bundle) => {
    bundle.onResolve({ filter: /^node:/ }, ({ path, namespace }) =>
      namespace === 'file' && (path === 'node:fs' || slow.test(path)) ? { path, namespace: 'late' } : undefined,
    );
    bundle.onLoad({ filter: /.*/, namespace: 'late' }, ({ path }) => {
      const module = `require('${path}')`;
      const names = slow.test(path) ? `new Proxy({}, { get: (_, name) => ${module}[name] })` : module;
      return { contents: `module.exports = Object.create(${names});` };
    });
  },
};

const common = {
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  minifySyntax: true,
  // V8 keeps the text of what it runs.
  minifyWhitespace: true,
  legalComments: 'linked',
  logLevel: 'warning',
  absWorkingDir: top,
  // What a module knows of itself, for CommonJS.
  define: { 'import.meta.dirname': '__dirname', 'import.meta.url': 'moduleUrl' },
  banner: { js: "const moduleUrl = require('node:url').pathToFileURL(__filename).href;" },
} satisfies BuildOptions;

rmSync(dist, { recursive: true, force: true });

await build({
  ...common,
  entryPoints: ['src/cli/main.ts'],
  outfile: program,
  external: Object.keys(libraries),
  plugins: [noSubprograms, lookedUpLate],
  // import() of a library becomes require(): one loader is enough.
  supported: { 'dynamic-import': false },
});

for (const [library, entry] of Object.entries(libraries)) {
  const outfile = join(dist, 'node_modules', library, 'index.js');
  const plugins = [noUnusedParts];
  await build({ ...common, entryPoints: [entry], outfile, loader: { '.node': 'copy' }, plugins });
}

await build({ ...common, entryPoints: ['packaging/launcher.ts'], outfile: join(dist, 'main.cjs') });
for (const shipped of ['targets', 'schemas']) cpSync(join(top, shipped), join(dist, shipped), { recursive: true });
for (const name of nativePrograms) buildNative(name, join(dist, name));
writeLauncher();
train();

/** Runs the bundle with the Node beside it, or with the one that SYSEXT_AGENT_NODE names. */
function writeLauncher(): void {
  const lines = [
    '#!/bin/sh',
    'set -eu',
    'here=$(CDPATH= cd -- "$(dirname -- "$(readlink -f -- "$0")")" && pwd)',
    'unset NODE_OPTIONS',
    'flags=',
    'if [ "${1-}" = daemon ]; then',
    readFileSync(join(top, 'packaging/service-runtime.sh'), 'utf8').trimEnd(),
    'fi',
    'exec "${SYSEXT_AGENT_NODE:-$here/node}" $flags "$here/main.cjs" "$@"',
    '',
  ];
  writeFileSync(join(dist, 'sysext-agent'), lines.join('\n'));
  chmodSync(join(dist, 'sysext-agent'), 0o755);
}

/** Compiles ahead what these commands run, on a small root of their own and without a network. */
function train(): void {
  const root = mkdtempSync(join(tmpdir(), 'train-'));
  makeSystem(root);
  const image = join(root, 'var/lib/extensions/sample.raw');
  const commands = [
    ['status'],
    ['list', '--json=short'],
    ['check', image],
    ['inspect', image],
    ['explain', 'sample'],
    ['lint', 'examples/my-sysext.yml'],
    ['config', 'cat'],
    ['config', 'check', 'examples/extensions.d'],
    ['install', '--dry-run', image, '--name=sample'],
    ['build', 'examples/my-sysext.yml', '--offline'],
    // Built, then found as it was; of what runs programs as much as comes before the indexes of packages.
    ...Array<string[]>(2).fill(['build', join(root, 'plain.yml'), `--output=${root}`]),
    ['build', join(root, 'made.yml'), '--offline'],
  ];
  for (const command of commands) {
    const argv = ['packaging/train.ts', dist, ...command, `--root=${root}`];
    execFileSync(process.execPath, argv, { cwd: top, stdio: 'ignore' });
  }
  rmSync(root, { recursive: true });
}

/** A root with a system, two specs, and one extension, which has a program: what it needs is looked for. */
function makeSystem(root: string): void {
  const releases = join(root, 'tree/usr/lib/extension-release.d');
  for (const directory of ['etc', 'usr/lib', 'opt', 'var/lib/extensions', 'tree/usr/bin'])
    mkdirSync(join(root, directory), { recursive: true });
  mkdirSync(releases, { recursive: true });
  writeFileSync(join(root, 'etc/os-release'), 'ID=debian\nVERSION_CODENAME=trixie\n');
  writeFileSync(join(releases, 'extension-release.sample'), 'ID=_any\n');
  cpSync('/bin/true', join(root, 'tree/usr/bin/sample'), { dereference: true });
  writeFileSync(join(root, 'plain.yml'), specOf('plain', ''));
  writeFileSync(join(root, 'made.yml'), specOf('made', 'build: {env: {A: b}, steps: [{command: make}]}\n'));
  const image = join(root, 'var/lib/extensions/sample.raw');
  execFileSync('mkfs.erofs', ['--quiet', '-zlz4hc', image, join(root, 'tree')]);
}

function specOf(name: string, build: string): string {
  const sources = 'sources: {src: {inline: {dir: {files: {program: {contents: "", permissions: 0o755}}}}}}\n';
  const facts = "version: '1.0'\nrevision: '1'\nlicense: MIT\ndescription: trained on\nwebsite: https://example.org\n";
  return `name: ${name}\n${facts}${sources}${build}artifacts: {binaries: {src/program: {name: ${name}}}}\n`;
}
