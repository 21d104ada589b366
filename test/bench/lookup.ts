import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { buildSync } from 'esbuild';

import { ratio, type Result } from './result.ts';
import { medians, mustRun, type Timed } from './timing.ts';
import { hostApt, type HostApt } from '../lab/apt.ts';

const name = 'jq';

/** (f): a package looked up in the indexes of trixie, which a build has left in the cache, against apt with its own. */
export async function lookupResult(
  work: string,
  top: string,
  indexes: string,
  node: Timed,
  runs: number,
): Promise<Result> {
  const databases = readdirSync(indexes).filter((file) => file.endsWith('.sqlite'));
  const ours = [...lookup(work, top), name, ...databases.map((file) => join(indexes, file))];
  const apt = aptOf(join(work, 'apt'), join(top, 'targets/keys'), await hostApt());
  const policy = [...apt('apt-cache'), 'policy', name];
  mustRun([...apt('apt-get'), 'update']);
  const [version = 'nothing'] = mustRun(ours).split(' ');
  if (!mustRun(policy).includes(version)) throw new Error(`apt does not know ${name} ${version}`);
  const { looked, floor, start } = medians({ looked: { argv: ours }, floor: { argv: policy }, start: node }, runs);
  return ratio("(f) lookup in the indexes of trixie - Node's start / apt-cache policy", looked - start, floor, 1);
}

/** The lookup alone, bundled as the program is. */
function lookup(work: string, top: string): string[] {
  const outfile = join(work, 'lookup.cjs');
  const sqlite = join(top, 'dist/node_modules/better-sqlite3/index.js');
  buildSync({
    entryPoints: [join(top, 'test/bench/lookup-program.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    alias: { 'better-sqlite3': sqlite },
    external: [sqlite],
    logLevel: 'warning',
  });
  return [process.execPath, outfile];
}

/** apt with directories of its own, and the mirrors of this host. */
function aptOf(directory: string, keys: string, { mirror, security }: HostApt): (program: string) => string[] {
  for (const path of ['state/lists/partial', 'cache/archives/partial'])
    mkdirSync(join(directory, path), { recursive: true });
  const of = (file: string): string => `[signed-by=${keys}/debian-archive-trixie-${file}.asc]`;
  writeFileSync(
    join(directory, 'sources.list'),
    `deb ${of('automatic')} ${mirror} trixie main
deb ${of('automatic')} ${mirror} trixie-updates main
deb ${of('security-automatic')} ${security} trixie-security main
`,
  );
  const settings = {
    'Dir::State': join(directory, 'state'),
    'Dir::Cache': join(directory, 'cache'),
    // Images of containers switch these off: apt is to have its own indexes as ready as we have ours.
    'Dir::Cache::pkgcache': 'pkgcache.bin',
    'Dir::Cache::srcpkgcache': 'srcpkgcache.bin',
    'Dir::Etc::sourcelist': join(directory, 'sources.list'),
    'Dir::Etc::sourceparts': '-',
    'Acquire::Languages': 'none',
    'APT::Sandbox::User': 'root',
  };
  return (program) => [program, ...Object.entries(settings).map(([key, value]) => `-o${key}=${value}`)];
}
