import { join } from 'node:path';

import { jsonList, jsonMap, jsonMatch, jsonStruct, type JsonDecoder } from '../../core/json.ts';
import { sha256 } from '../../host/digest.ts';
import { fileStatus } from '../../host/files.ts';
import { buildDirectory, type Material, type PreparedSources } from '../making/making-step.ts';
import type { Source } from '../spec/sources.ts';
import type { Spec } from '../spec/spec.ts';
import type { SoundEntry } from '../tree/judge.ts';
import { compareBytes } from '../tree/paths.ts';
import { generatorSteps } from './generator-steps.ts';
import { settleGit } from './git-source.ts';
import { settleHttp } from './http-source.ts';
import { settleImage } from './image-source.ts';
import { keepLayer, layerPath, namelessLayers } from './layer.ts';
import { settleContext, settleInline } from './local-source.ts';
import type { Fetching, SettledSource, SourceFiles, SourceMeans } from './means.ts';
import { wrongSource } from './missing.ts';
import { patchSteps } from './patch-steps.ts';
import { openStore } from './store.ts';

/**
 * Brings all sources of a spec here, each once, and says what is to be done to them before the build. What is known by a
 * digest is fetched once and for all; what is not is looked at anew, and a word on it is among the warnings.
 * @param spec with its build arguments expanded.
 * @throws AgentError `invalid-spec`, `no-such-file`, `network`, `verification-failed`, `content-refused`, `usage` where a
 *   secret is missing, `tool-missing`, `disk-full`, `interrupted`
 */
export async function prepareSources(spec: Spec, means: SourceMeans): Promise<PreparedSources> {
  const fetching = { ...means, store: openStore(means.cacheDirectory) };
  const steps = [...patchSteps(spec), ...generatorSteps(spec, means)];
  const settled = new Map<string, SettledSource>();
  for (const name of [...spec.sources.keys()].sort(compareBytes)) {
    const source = spec.sources.get(name);
    if (source !== undefined) settled.set(name, await settle(name, source, fetching));
  }
  const { digest, materials, warnings } = await layerOf(settled, fetching);
  return {
    layer: layerPath(means.cacheDirectory, digest),
    digest,
    steps,
    materials: [...[...settled.values()].flatMap((one) => one.materials), ...materials],
    warnings: [...[...settled.values()].flatMap((one) => one.warnings), ...warnings],
  };
}

async function settle(name: string, source: Source, means: Fetching): Promise<SettledSource> {
  switch (source.kind) {
    case 'inline':
      return settleInline(name, source);
    case 'context':
      return settleContext(name, source, means);
    case 'http':
      return settleHttp(name, source, means);
    case 'git':
      return settleGit(name, source, means);
    case 'image':
      return settleImage(name, source, means);
    case 'build':
      throw wrongSource(name, source.position, 'build', 'a Dockerfile is not built by this version of sysext-agent');
  }
}

/** What the layer of some sources turned out to be. */
interface KnownLayer {
  readonly digest: string;
  readonly materials: readonly Material[];
  readonly warnings: readonly string[];
}

const kind = 'layer';
const text: JsonDecoder<string> = (value) => (typeof value === 'string' ? value : '');
const known: JsonDecoder<KnownLayer> = jsonStruct({
  digest: jsonMatch(/^[0-9a-f]{64}$/, 'a digest'),
  materials: jsonList(jsonStruct({ name: text, uri: text, digest: asRecord(jsonMap(text, 10)) }), 10_000),
  warnings: jsonList(text, 10_000),
});

function asRecord(of: JsonDecoder<ReadonlyMap<string, string>>): JsonDecoder<Readonly<Record<string, string>>> {
  return (value, path) => Object.fromEntries(of(value, path));
}

/** Counts up with every change of this program that changes what a layer is made of the same sources. */
const layerVersion = 1;

/** What no archive for people can say is earlier: the first day of ZIP's calendar (APPNOTE.TXT, 4.4.6). */
const usualTime = 315_532_800;

async function layerOf(settled: ReadonlyMap<string, SettledSource>, means: Fetching): Promise<KnownLayer> {
  const { store, sourceDateEpoch: timestamp = usualTime, cacheDirectory } = means;
  const identities = Array.from(settled, ([name, { identity }]) => [name, identity]);
  const thing = sha256(JSON.stringify([layerVersion, timestamp, identities]));
  const kept = store.note(kind, thing, known);
  if (kept !== undefined && fileStatus(layerPath(cacheDirectory, kept.digest)) !== undefined) return kept;
  await sweep(means);
  const made = await makeLayer(settled, timestamp, means);
  store.remember(kind, thing, made);
  return made;
}

/** What nobody asked for in a month goes when something new comes, and layers with the last note that names them. */
async function sweep({ store, clock, cacheDirectory, remove }: Fetching): Promise<void> {
  store.sweep(clock.now());
  const named = new Set(store.notes(kind, known).map(({ digest }) => digest));
  for (const path of namelessLayers(cacheDirectory, named, clock.now())) await remove(path);
}

async function makeLayer(
  settled: ReadonlyMap<string, SettledSource>,
  timestamp: number,
  means: Fetching,
): Promise<KnownLayer> {
  const nodes: SoundEntry[] = [{ kind: 'directory', path: buildPath, mode: 0o755, mtime: 0 }];
  const expected = new Map<string, string>();
  const brought: SourceFiles[] = [];
  for (const [name, source] of settled) {
    const files = await source.files();
    const place = join(buildPath, name);
    if (!files.nodes.some(({ path }) => path === ''))
      nodes.push({ kind: 'directory', path: place, mode: 0o755, mtime: 0 });
    for (const node of files.nodes) nodes.push({ ...node, path: node.path === '' ? place : `${place}/${node.path}` });
    for (const [path, hex] of files.expected ?? []) expected.set(`${place}/${path}`, hex);
    brought.push(files);
  }
  const digest = await keepLayer(nodes, expected, timestamp, means);
  return {
    digest,
    materials: brought.flatMap(({ materials = [] }) => materials),
    warnings: brought.flatMap(({ warnings = [] }) => warnings),
  };
}

/** Where the sources are, relative to the layer. */
const buildPath = buildDirectory.slice(1);
