import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { packageSourceFor } from '../../src/builder/packages/source.ts';
import type { BuildRoot, BuildRoots } from '../../src/builder/root/build-root.ts';
import { createBuildRoots } from '../../src/builder/root/roots.ts';
import { createSandbox } from '../../src/builder/sandbox/bubblewrap.ts';
import type { Sandbox } from '../../src/builder/sandbox/sandbox.ts';
import { chooseTarget } from '../../src/builder/targets/choose.ts';
import type { Target } from '../../src/builder/targets/target.ts';
import { systemClock } from '../../src/host/clock.ts';
import { createExec } from '../../src/host/exec.ts';
import { createHttp } from '../../src/host/http.ts';
import { silent } from '../../src/host/progress.ts';
import { readOsRelease } from '../../src/systemd/host-release.ts';
import { buildingHost } from '../lab/build-host.ts';
import { makeSigningKey, type SigningKey } from './support/repository.ts';
import { makeRpm, makeRpmRepository, type TestRpmRepository } from './support/rpm-repository.ts';

const exec = createExec(process.env);

interface Workshop {
  readonly sandbox: Sandbox;
  readonly roots: BuildRoots;
  /** What was said on the way. */
  readonly steps: string[];
}

function workshopFor(target: Target, cacheDirectory: string): Workshop {
  const steps: string[] = [];
  const progress = { ...silent, step: (message: string) => void steps.push(message) };
  const http = createHttp({ env: process.env, clock: systemClock });
  const host = { exec, clock: systemClock, progress, http, cacheDirectory, architecture: 'x86-64' as const };
  const sandbox = createSandbox({ exec, clock: systemClock, directory: join(cacheDirectory, 'sandbox') });
  const source = packageSourceFor(target, host, {});
  const environment = process.env;
  return { sandbox, steps, roots: createBuildRoots({ host, target, source, sandbox, offline: false, environment }) };
}

async function runIn(sandbox: Sandbox, root: BuildRoot, script: string): Promise<string> {
  let output = '';
  const { exitCode } = await sandbox.run({
    tree: { lower: [root.directory], upper: undefined },
    argv: ['sh', '-euc', script],
    directory: '/',
    environment: { PATH: '/usr/sbin:/usr/bin' },
    binds: [],
    network: false,
    limits: { time: 120, memory: 1 << 30, processes: 200, disk: 1 << 30 },
    take: (piece) => {
      output += Buffer.from(piece).toString();
    },
  });
  return exitCode === 0 ? output : `${output}exit code ${exitCode}\n`;
}

describe('a root of Debian', () => {
  let cacheDirectory: string;
  let workshop: Workshop;

  beforeAll(async () => {
    const { root, cache } = await buildingHost();
    cacheDirectory = cache;
    const targetDirectories = [join(import.meta.dirname, '../../targets')];
    const host = { targetDirectories, root, osRelease: readOsRelease(root), progress: silent };
    workshop = workshopFor(chooseTarget(host, 'trixie'), cacheDirectory);
  });

  it('has a compiler that makes programs, as packages that are set up, whose users are those of the target', async () => {
    const root = await workshop.roots.prepare({ kind: 'build', packages: [], files: [] });

    const program = `echo 'int main(void){return 42;}' >/tmp/a.c; gcc -static -o /tmp/a /tmp/a.c; /tmp/a || echo $?
      dpkg --audit; stat --format=%U:%G /var/mail /etc/passwd; ls /mnt /media /srv`;
    expect(await runIn(workshop.sandbox, root, program)).toBe('42\nroot:mail\nroot:root\n/media:\n\n/mnt:\n\n/srv:\n');
    const names = root.packages.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['apt', 'build-essential', 'ca-certificates', 'gcc', 'patch']));
    expect(names).not.toContain('systemd');
    expect(statSync(join(root.directory, 'usr/bin/apt')).uid).not.toBe(0);
    expect(statSync(join(cacheDirectory, 'roots')).mode & 0o777).toBe(0o700);
  });

  it('is not made again, and what cannot be had is told before anything is', async () => {
    const [first, second] = [
      await workshop.roots.prepare({ kind: 'build', packages: [], files: [] }),
      await workshop.roots.prepare({ kind: 'build', packages: [], files: [] }),
    ];
    workshop.steps.length = 0;

    expect(second).toEqual(first);
    const packages = [{ name: 'build-essentail', constraints: [] }];
    await expect(workshop.roots.prepare({ kind: 'build', packages, files: [] })).rejects.toMatchObject({
      code: 'unknown-package',
      details: { facts: [expect.stringContaining('build-essential')] },
    });
    expect(workshop.steps).toEqual([]);
  });
});

describe('a root of rpm packages', () => {
  let place: string;
  let key: SigningKey;
  let repository: TestRpmRepository;
  let workshop: Workshop;

  beforeAll(async () => {
    place = mkdtempSync(join(tmpdir(), 'rpm-root-'));
    key = makeSigningKey(place, 'distributor');
    const shell = 'cp --parents /usr/bin/dash $(ldd /usr/bin/dash | grep -o "/lib[^ ]*") . && ln -s dash usr/bin/sh';
    const directories = 'mkdir -p dev proc tmp etc var/tmp usr/lib lib64 lib && ln -s usr/bin bin';
    const rpms = [
      makeRpm(place, { name: 'filesystem', version: '1', key, install: [directories], files: ['/*'] }),
      makeRpm(place, {
        name: 'bash',
        version: '5',
        key,
        preamble: ['Provides: /bin/sh'],
        install: [shell],
        files: ['/usr/*', '/lib*'],
      }),
      makeRpm(place, { name: 'coreutils', version: '9', key, preamble: ['Requires: filesystem bash'] }),
      makeRpm(place, {
        name: 'scripted',
        version: '2',
        key,
        preamble: ['Requires: bash', 'Requires(post): bash', ...post],
      }),
    ];
    repository = await makeRpmRepository(rpms, key);
    const target: Target = {
      name: 'local',
      description: 'made for a test',
      match: {},
      repositories: [{ ...repository.repository, gpgcheck: true }],
      releasever: '1',
      sysextDefaults: {},
    };
    workshop = workshopFor(target, place);
  });
  afterAll(async () => {
    await repository.close();
    key.discard();
    await workshop.sandbox.removeLayer(place);
    rmSync(place, { recursive: true, force: true });
  });

  /** Tells where it ran, and with what. */
  const post = [
    '%post',
    'exec >/etc/told',
    'echo ran; echo >/dev/null && echo null; test -e /dnf/etc || echo rooted; echo "$SECRET_OF_THE_HOST"; read -r _ id _ </proc/self/uid_map; echo $id',
  ];

  it('is made by dnf from verified packages, and their scripts run with no rights on the host', async () => {
    const packages = [{ name: 'scripted', constraints: [{ relation: '>=' as const, version: '1' }] }];
    const root = await workshop.roots.prepare({ kind: 'base', packages, files: [] });

    expect(root.packages.map(({ name, version }) => `${name} ${version}`)).toEqual([
      'bash 5-1',
      'coreutils 9-1',
      'filesystem 1-1',
      'scripted 2-1',
    ]);
    const told = readFileSync(join(root.directory, 'etc/told'), 'utf8').split('\n');
    expect(told.slice(0, 4)).toEqual(['ran', 'null', 'rooted', '']);
    expect(Number(told[4])).toBeGreaterThan(65_536);
    expect(await runIn(workshop.sandbox, root, 'echo works')).toBe('works\n');
    expect(readdirSync(root.directory)).not.toContain('dnf');
    expect(readdirSync(join(place, 'roots')).filter((name) => name.startsWith('.#'))).toEqual([]);
  });

  it('refuses packages that nobody of the target has signed', async () => {
    repository.publish([
      makeRpm(place, { name: 'filesystem', version: '2' }),
      makeRpm(place, { name: 'bash', version: '6' }),
      makeRpm(place, { name: 'coreutils', version: '9' }),
    ]);
    const elsewhere = workshopFor(
      {
        name: 'local',
        description: '',
        match: {},
        repositories: [{ ...repository.repository, gpgcheck: true }],
        sysextDefaults: {},
        releasever: '1',
      },
      join(place, 'elsewhere'),
    );

    await expect(elsewhere.roots.prepare({ kind: 'base', packages: [], files: [] })).rejects.toMatchObject({
      code: 'verification-failed',
    });
    expect(readdirSync(join(place, 'elsewhere/roots')).filter((name) => name.endsWith('.json'))).toEqual([]);
  });
});
