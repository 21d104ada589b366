import { join } from 'node:path/posix';

import { buildDirectory, type MakingStep } from '../making/making-step.ts';
import type { CargoGenerator, Generator, NodeGenerator, PipGenerator, Source } from '../spec/sources.ts';
import type { Spec } from '../spec/spec.ts';
import { compareBytes } from '../tree/paths.ts';
import { gomodWork, type GomodWork } from './gomod.ts';
import type { SourceMeans } from './means.ts';

/** Where generators put what they fetch: beside the sources, under names that no source has. */
const generated = {
  cargohome: join(buildDirectory, '__cargohome'),
  pip: join(buildDirectory, '__pip'),
} as const;

/**
 * Steps that fetch what sources need for a build without network: by the target's own tools, over the network, in the
 * order of the names of the sources.
 * @throws AgentError `usage` where a secret is missing
 */
export function generatorSteps({ sources }: Spec, means: SourceMeans): readonly MakingStep[] {
  const names = [...sources.keys()].sort(compareBytes);
  const steps = names.flatMap((name) => {
    const source = sources.get(name);
    return source === undefined ? [] : source.generators.flatMap((one) => stepsOf(name, source, one, means));
  });
  return withWholePath(steps);
}

function stepsOf(name: string, source: Source, generator: Generator, means: SourceMeans): readonly MakingStep[] {
  return generator.paths.flatMap((path) => {
    const place: Place = { name, path: join(generator.subpath, path), generator, means };
    switch (generator.kind) {
      case 'gomod':
        return [gomodStep(place, gomodWork(name, source, generator, means))];
      case 'cargohome':
        return [cargoStep({ ...place, generator })];
      case 'pip':
        return pipSteps({ ...place, generator });
      case 'nodemod':
        return [nodeStep({ ...place, generator })];
    }
  });
}

interface Place<G extends Generator = Generator> {
  readonly name: string;
  /** Relative to the source. */
  readonly path: string;
  readonly generator: G;
  readonly means: SourceMeans;
}

/** A script of the shell that is run where the generator is, and its arguments. */
interface Script {
  readonly text: string;
  readonly args?: readonly string[];
  /** How people call it, where a generator has several. */
  readonly title?: string;
}

/** What a step has besides its script. */
type More = Partial<Pick<MakingStep, 'environment' | 'network' | 'binds' | 'exports'>>;

function directoryOf({ name, path }: Pick<Place, 'name' | 'path'>): string {
  return join(buildDirectory, name, path);
}

function step(place: Place, { text, args = [], title }: Script, more: More): MakingStep {
  const { name, path, generator, means } = place;
  const { network = true, environment = {}, binds = [], exports = {} } = more;
  const where = path === '.' ? name : join(name, path);
  return {
    title: title ?? `generator ${generator.kind} of ${where}`,
    position: generator.position,
    argv: ['/bin/sh', '-eu', '-c', `cd "$1"\nshift\n${text}`, 'sh', directoryOf(place), ...args],
    directory: buildDirectory,
    environment: { ...(network ? proxiesFor(means) : {}), ...environment },
    network,
    binds,
    caches: [],
    exports,
  };
}

/** Dalec's own build argument keeps proxies from what runs in a build. */
function proxiesFor({ proxies, buildArguments }: SourceMeans): Readonly<Record<string, string>> {
  return /^(1|t|true)$/i.test(buildArguments['DALEC_DISABLE_PROXY_CONFIG'] ?? '') ? {} : proxies;
}

function gomodStep(place: Place, { text, args, ...more }: GomodWork): MakingStep {
  return step(place, { text, args }, more);
}

function cargoStep(place: Place<CargoGenerator>): MakingStep {
  const home = { CARGO_HOME: generated.cargohome };
  return step(place, { text: 'cargo fetch' }, { environment: home, exports: home });
}

/** pip says nothing of itself, asks nothing, and may be root. */
const quietPip = { PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_NO_INPUT: '1', PIP_ROOT_USER_ACTION: 'ignore' };

/**
 * First the sources of all packages and what builds them, over the network; then they are built and installed beside the
 * list of requirements, without.
 */
function pipSteps(place: Place<PipGenerator>): readonly MakingStep[] {
  const { requirementsFile, indexUrl, extraIndexUrls } = place.generator;
  const indexes = [
    ...(indexUrl === '' ? [] : [`--index-url=${indexUrl}`]),
    ...extraIndexUrls.map((url) => `--extra-index-url=${url}`),
  ];
  const download = `requirements=$1
shift
python3 -m pip download --dest=${generated.pip} "$@" setuptools wheel
python3 -m pip download --dest=${generated.pip} "$@" --no-binary=:all: --requirement="$requirements"`;
  const install = `python3 -m pip install --target=site-packages --find-links=${generated.pip} --no-index --requirement="$1"`;
  const places = { PIP_CACHE_DIR: generated.pip };
  const environment = { ...quietPip, ...places };
  return [
    step(place, { text: download, args: [requirementsFile, ...indexes] }, { environment }),
    step(
      place,
      { text: install, args: [requirementsFile], title: `packages of pip for ${join(place.name, place.path)}` },
      {
        environment,
        network: false,
        exports: { ...places, PYTHONPATH: join(directoryOf(place), 'site-packages') },
      },
    ),
  ];
}

function nodeStep(place: Place<NodeGenerator>): MakingStep {
  const { registry } = place.generator;
  const environment = {
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_update_notifier: 'false',
    npm_config_cache: '/tmp/npm',
    ...(registry === '' ? {} : { npm_config_registry: registry }),
  };
  return step(place, { text: 'npm install\nrm -rf /tmp/npm' }, { environment });
}

/** What one step says of `PYTHONPATH` takes the place of what those before it said: so each says all of it. */
function withWholePath(steps: readonly MakingStep[]): readonly MakingStep[] {
  let whole = '';
  return steps.map((one) => {
    const { PYTHONPATH: path, ...exports } = one.exports;
    if (path === undefined) return one;
    whole = whole === '' ? path : `${path}:${whole}`;
    return { ...one, exports: { ...exports, PYTHONPATH: whole } };
  });
}
