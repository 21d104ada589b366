import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import packageJson from '../package.json' with { type: 'json' };
import { gzipped } from '../src/host/gzip.ts';
import { packageLayout, type PackagedFile } from './layout.ts';

/**
 * Makes dist/sysext-agent_VERSION_ARCHITECTURE.deb of the bundle in dist/: `make deb`. Everything that runs is inside,
 * Node too; only programs of the distribution are depended upon. `--directory=DIRECTORY` puts it elsewhere; with `--quick`
 * it is packed, and unpacked, in a tenth of the time and is a third larger, and `--hollow` has a small program in the place of
 * Node: for tests.
 */
const { values: options } = parseArgs({
  options: {
    directory: { type: 'string', default: 'dist' },
    quick: { type: 'boolean', default: false },
    hollow: { type: 'boolean', default: false },
  },
});
const top = join(import.meta.dirname, '..');
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };
const architecture = architectures[process.arch] ?? process.arch;
const debian = join(top, 'packaging/debian');

const stage = mkdtempSync(join(tmpdir(), 'deb-'));
try {
  for (const file of packageLayout(process.arch, libraries())) put(file);
  // Not before, since Node writes some of them.
  if (options.hollow) strip(join(top, 'dist/sysext-agent-swap'), join(stage, 'usr/lib/sysext-agent/node'));
  for (const addon of globSync('usr/lib/sysext-agent/**/*.node', { cwd: stage })) strip(join(stage, addon));
  writeControl();
  const target = resolve(top, options.directory, `${packageJson.name}_${packageJson.version}_${architecture}.deb`);
  const packing = [options.quick ? '-Zgzip' : '-Zxz', '-z1', '--root-owner-group'];
  execFileSync('dpkg-deb', [...packing, '--build', stage, target], { stdio: ['ignore', 'ignore', 'inherit'] });
  process.stdout.write(`${target}\n`);
} finally {
  rmSync(stage, { recursive: true });
}

function put({ to, mode = 0o644, ...file }: PackagedFile): void {
  const path = join(stage, to);
  mkdirSync(file.kind === 'directory' ? path : dirname(path), { recursive: true, mode: 0o755 });
  if (file.kind === 'link') symlinkSync(file.target, path);
  if (file.kind === 'tree')
    cpSync(join(top, file.from), path, { recursive: true, filter: (from) => !from.endsWith('.deb') });
  if (file.kind === 'copy') copyFileSync(join(top, file.from), path);
  if (file.kind === 'gzip') writeFileSync(path, gzipped(Buffer.from(file.from.map(textOf).join('\n'))));
  if (file.kind === 'output') writeFileSync(path, execFileSync(join(stage, file.program), file.args));
  if (file.kind === 'text') writeFileSync(path, file.text);
  if (file.kind === 'program') strip(join(top, file.from), path);
  if (file.kind !== 'link' && file.kind !== 'tree' && file.kind !== 'directory') chmodSync(path, mode);
}

function strip(from: string, to = from): void {
  execFileSync('strip', ['--strip-unneeded', '-o', to, from]);
}

function textOf(pattern: string): string {
  return globSync(pattern, { cwd: top })
    .sort()
    .map((path) => readFileSync(join(top, path), 'utf8'))
    .join('\n');
}

function writeControl(): void {
  const control = join(stage, 'DEBIAN');
  mkdirSync(control, { mode: 0o755 });
  const size = execFileSync('du', ['--summarize', '--block-size=1K', '--apparent-size', stage], { encoding: 'utf8' });
  const values: Readonly<Record<string, string>> = {
    VERSION: packageJson.version,
    ARCHITECTURE: architecture,
    INSTALLED_SIZE: size.split('\t', 1).join(''),
    UNITS: enabledUnits().join(' '),
  };
  for (const name of ['control', 'postinst', 'prerm', 'postrm']) {
    const text = readFileSync(join(debian, name), 'utf8').replaceAll(
      /@([A-Z_]+)@/g,
      (_, key: string) => values[key] ?? '',
    );
    writeFileSync(join(control, name), text, { mode: name === 'control' ? 0o644 : 0o755 });
  }
  const files = globSync('**/*', { cwd: stage, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.startsWith(control))
    .map((entry) => join(entry.parentPath, entry.name).slice(stage.length + 1))
    .sort();
  const conffiles = files.filter((path) => path.startsWith('etc/')).map((path) => `/${path}\n`);
  writeFileSync(join(control, 'conffiles'), conffiles.join(''));
  writeFileSync(join(control, 'md5sums'), execFileSync('md5sum', files, { cwd: stage }));
}

/** The directories of the libraries that ship, and of those that they need. */
function libraries(): readonly string[] {
  const list = ['ls', '--omit=dev', '--omit=optional', '--all', '--parseable'];
  const [, ...paths] = execFileSync('npm', list, { cwd: top, encoding: 'utf8' }).trim().split('\n');
  return paths.map((path) => path.slice(top.length + 1));
}

/** What the preset enables. */
function enabledUnits(): readonly string[] {
  const preset = readFileSync(join(top, 'packaging/systemd/90-sysext-agent.preset'), 'utf8');
  return [...preset.matchAll(/^enable (\S+)$/gm)].map(([, unit = '']) => unit);
}
