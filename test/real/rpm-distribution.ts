import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { basename, join } from 'node:path';

import { execa } from 'execa';

import { makeRpm, signRpms, type RpmOptions } from '../integration/support/rpm-repository.ts';
import type { SigningKey } from '../integration/support/repository.ts';
import { labCache } from '../lab/cache.ts';
import { bootMachine } from '../lab/machine.ts';

/**
 * A distribution of rpm packages with a compiler, where no real one can be had: Debian's packages, each with its files,
 * requirements and provisions as an rpm package.
 */
const wanted = [
  ...['base-files', 'bash', 'binutils', 'bzip2', 'ca-certificates', 'coreutils', 'cpio', 'diffutils', 'file'],
  ...[
    'findutils',
    'g++',
    'gawk',
    'gcc',
    'grep',
    'gzip',
    'libc-bin',
    'libc6-dev',
    'make',
    'passwd',
    'patch',
    'sed',
    'tar',
  ],
  ...['xz-utils', 'zsh', 'zstd'],
];

interface Addition {
  readonly links?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
  readonly requires?: readonly string[];
}

/** What Debian's packages make when they are set up, what others of them have, and what Dalec's own test looks for. */
const additions: Readonly<Record<string, Addition>> = {
  'base-files': {
    files: {
      '/usr/lib/os-release': 'ID=azurelinux\nVERSION_ID=3.0\n',
      '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n',
      '/etc/group': 'root:x:0:\nnogroup:x:65534:\n',
    },
  },
  bash: { links: { '/usr/bin/sh': 'bash' } },
  gawk: { links: { '/usr/bin/awk': 'gawk' } },
  gcc: { links: { '/usr/bin/cc': 'gcc' } },
  passwd: { requires: ['libc-bin'] },
};

/** By what names distributions with rpm have them. */
const alsoCalled: Readonly<Record<string, string>> = {
  'base-files': 'filesystem',
  'g++': 'gcc-c++',
  'libc6-dev': 'glibc-devel',
  passwd: 'shadow-utils',
  'xz-utils': 'xz',
};

const unneeded = ['doc', 'info', 'locale', 'man', 'lintian'].map((name) => `usr/share/${name}`);

/** Copies of its packages in `directory`, signed by a key; what is signed is made once and kept. */
export async function rpmDistribution(directory: string, key: SigningKey): Promise<readonly string[]> {
  const kept = labCache('rpm-distribution');
  const debs = join(kept, `debs-${digestOf(wanted)}`);
  if (!fs.existsSync(debs)) await fetchDebs(debs);
  const names = fs.readdirSync(debs).filter((name) => name.endsWith('.deb'));
  const packages = await Promise.all(names.map((name) => describe(join(debs, name))));
  const provided = new Set(packages.flatMap(({ name, provides }) => [name, ...provides]));
  const copies: string[] = [];
  for (const pkg of packages) {
    const rpm = converted(await recipe(pkg, provided), join(kept, 'rpms'));
    const copy = join(directory, basename(rpm));
    fs.copyFileSync(rpm, copy);
    copies.push(copy);
  }
  signRpms(copies, key);
  return copies;
}

function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}

async function fetchDebs(directory: string): Promise<void> {
  const partial = `${directory}.${randomBytes(4).toString('hex')}`;
  fs.mkdirSync(join(partial, 'partial'), { recursive: true });
  await using machine = await bootMachine({ systemd: 257, binds: [{ source: partial, target: '/srv/debs' }] });
  const options = ['--option=Dir::State::status=/dev/null', '--option=Dir::Cache::archives=/srv/debs'];
  await machine.shell(
    `apt-get update --quiet --quiet
    apt-get install --yes --quiet --quiet --download-only --no-install-recommends ${[...options, ...wanted].join(' ')}
    chmod --recursive a+rX /srv/debs`,
    { timeoutMs: 600_000 },
  );
  fs.renameSync(partial, directory);
}

interface DebPackage {
  readonly path: string;
  readonly name: string;
  readonly version: string;
  readonly requires: readonly (readonly string[])[];
  readonly provides: readonly string[];
}

async function describe(path: string): Promise<DebPackage> {
  const fields = ['Package', 'Version', 'Pre-Depends', 'Depends', 'Provides'];
  const values = await Promise.all(
    fields.map(async (field) => (await execa('dpkg-deb', ['--field', path, field])).stdout.trim()),
  );
  const [name = '', version = '', before = '', depends = '', provides = ''] = values;
  const relations = (text: string) =>
    text
      .split(',')
      .map((relation) => relation.split('|').map((alternative) => alternative.trim().replace(/[ (:].*$/s, '')))
      .filter(([first]) => first !== '');
  return {
    path,
    name,
    version: version.replace(/^\d+:/, '').replaceAll('-', '_'),
    requires: [...relations(before), ...relations(depends)],
    provides: relations(provides).flat(),
  };
}

/** The package file that a recipe gives, made where it is not there yet. */
function converted(options: RpmOptions, top: string): string {
  const directory = join(top, digestOf(options));
  const made = (): string | undefined =>
    fs.existsSync(directory) ? fs.readdirSync(directory).find((name) => name.endsWith('.rpm')) : undefined;
  if (made() === undefined) {
    fs.mkdirSync(directory, { recursive: true });
    makeRpm(directory, options);
  }
  return join(directory, made() ?? '');
}

async function recipe(pkg: DebPackage, provided: ReadonlySet<string>): Promise<RpmOptions> {
  const { path, name, version, requires, provides } = pkg;
  const needed = requires.flatMap((alternatives) => alternatives.find((each) => provided.has(each)) ?? []);
  const others = (names: readonly string[]) => [...new Set(names)].filter((each) => each !== name);
  const { links = {}, files = {}, requires: more = [] } = additions[name] ?? {};
  const listed = [...(await filesOf(path)), ...Object.keys(links), ...Object.keys(files)];
  return {
    name,
    version,
    payload: 'w1.gzdio',
    preamble: [
      '%global __os_install_post %{nil}',
      ...others([...needed, ...more]).map((each) => `Requires: ${each}`),
      ...others([...provides, ...(alsoCalled[name] === undefined ? [] : [alsoCalled[name]])]).map(
        (each) => `Provides: ${each}`,
      ),
    ],
    install: [
      `dpkg-deb --extract '${path}' .`,
      `rm -rf ${unneeded.join(' ')}`,
      ...Object.entries(links).map(([link, target]) => `ln -s ${target} .${link}`),
      ...Object.entries(files).map(([file, text]) => `printf '${text.replaceAll('\n', String.raw`\n`)}' >.${file}`),
    ],
    files: [...new Set(listed)].map((file) => `"${file.replaceAll('%', '%%')}"`),
  };
}

/** What is no directory, without what is not needed. */
async function filesOf(path: string): Promise<readonly string[]> {
  const { stdout } = await execa('dpkg-deb', ['--fsys-tarfile', path], {
    encoding: 'buffer',
    maxBuffer: 1024 ** 3,
  }).pipe('tar', ['--list'], { maxBuffer: 64 * 1024 ** 2 });
  return stdout
    .split('\n')
    .filter((name) => name !== '' && !name.endsWith('/') && !unneeded.some((top) => name.startsWith(`./${top}/`)))
    .map((name) => name.slice(1));
}
