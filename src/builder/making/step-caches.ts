import { sha256 } from '../../host/digest.ts';
import type { Cache } from '../spec/build.ts';
import type { StepCache } from './making-step.ts';

/** Whose caches they are: what one spec writes, no other spec reads. */
export interface CacheOwner {
  /** The path of the spec's file. */
  readonly spec: string;
  readonly target: string;
  readonly architecture: string;
}

/** What the caches of a build are to its steps. */
export interface BuildCaches {
  readonly caches: readonly StepCache[];
  /** By which programs find them. */
  readonly environment: Readonly<Record<string, string>>;
  /** Lines of the shell before each step. */
  readonly before: readonly string[];
  /** What bazel is to be told in its own file: it reads no variable. */
  readonly bazel: string | undefined;
}

const goPlace = '/var/cache/go-build';
const sccachePlace = '/var/cache/sccache';
const bazelPlace = '/var/cache/bazel';

/** A wrapper that is not there would fail every call of the compiler; none is fetched for the spec. */
const wrapCompiler = 'if command -v sccache > /dev/null; then export RUSTC_WRAPPER=sccache; fi';

/**
 * The caches of a build: those of the spec, and one for Go where the build has it and the spec does not forbid it.
 * Names of caches are of the target and the architecture, unless the spec says `no_auto_namespace`.
 */
export function buildCaches(caches: readonly Cache[], usesGo: boolean, owner: CacheOwner): BuildCaches {
  const all = withGo(caches, usesGo);
  const has = (kind: Cache['kind']) => all.some((cache) => cache.kind === kind);
  return {
    caches: all.map((cache) => stepCache(cache, owner)),
    environment: {
      ...(has('gobuild') ? { GOCACHE: goPlace } : {}),
      ...(has('rustsccache') ? { SCCACHE_DIR: sccachePlace } : {}),
    },
    before: has('rustsccache') ? [wrapCompiler] : [],
    bazel: has('bazel') ? `build --disk_cache=${bazelPlace}\n` : undefined,
  };
}

function withGo(caches: readonly Cache[], usesGo: boolean): readonly Cache[] {
  const isSaid = caches.some(({ kind }) => kind === 'gobuild');
  const all = usesGo && !isSaid ? [...caches, { kind: 'gobuild', scope: '', disabled: false } as const] : caches;
  return all.filter((cache) => cache.kind !== 'gobuild' || !cache.disabled);
}

function stepCache(cache: Cache, owner: CacheOwner): StepCache {
  const { spec, target, architecture } = owner;
  switch (cache.kind) {
    case 'dir': {
      const place = cache.noAutoNamespace ? [spec] : [spec, target, architecture];
      return { at: cache.dest, key: keyOf([...place, cache.key]), sharing: cache.sharing };
    }
    case 'gobuild':
      return programCache(goPlace);
    case 'rustsccache':
      return programCache(sccachePlace);
    case 'bazel':
      return programCache(bazelPlace);
  }

  function programCache(at: string): StepCache {
    const scope = 'scope' in cache ? cache.scope : '';
    return { at, key: keyOf([spec, target, architecture, cache.kind, scope]), sharing: 'shared' };
  }
}

function keyOf(parts: readonly string[]): string {
  return sha256(JSON.stringify(parts)).slice(0, 32);
}

/** Whether a package of this name brings Go: `golang`, `golang-go`, `golang-1.24`, `msft-golang`, `go`. */
export function isGo(name: string): boolean {
  return name === 'go' || /^(msft-)?golang(-go|-any|-\d[\d.]*(-go)?)?$/.test(name);
}
