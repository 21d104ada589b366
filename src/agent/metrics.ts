import packageJson from '../../package.json' with { type: 'json' };
import { exposition, type MetricFamily, type MetricSample } from '../core/exposition.ts';
import { fileStatus } from '../host/files.ts';
import { isBlocker } from '../systemd/verdicts.ts';
import type { Agent } from './agent.ts';
import { fleetStatus } from './fleet/status.ts';
import { openHistory } from './history.ts';
import { overview, type ExtensionOverview, type Overview } from './overview.ts';
import type { Hold, OperationTally } from './records.ts';
import { storedImages } from './stored-image.ts';
import { verifyFailures, type VerifyFailures } from './verify-failures.ts';

/** What an extension is at: every one is in one of these. */
export type ExtensionState = 'merged' | 'ignored' | 'quarantined' | 'unmerged';

export interface MetricFacts {
  readonly version: string;
  readonly systemd: string;
  readonly extensions: readonly { readonly name: string; readonly version: string; readonly state: ExtensionState }[];
  /** How many extensions the set in force has. */
  readonly desired: number;
  /** The number of that set; 0 where there is none. */
  readonly generation: number;
  readonly holds: readonly Pick<Hold, 'name'>[];
  readonly tally: OperationTally;
  readonly storeBytes: number;
  /** Names of installed extensions that are to become other ones and wait. */
  readonly updates: readonly string[];
  readonly verifyFailures: VerifyFailures;
  /** Problems with drop-ins of the fleet. */
  readonly problems: number;
  readonly now: Date;
}

/** The numbers of this host, as text. Nothing is changed. */
export async function metricsNow(agent: Agent): Promise<string> {
  return exposition(metricFamilies(await metricFacts(agent)));
}

async function metricFacts(agent: Agent): Promise<MetricFacts> {
  const { version } = await agent.tool.features();
  const seen = await overview(agent);
  const ours = seen.extensions.filter((one) => one.ours);
  const { problems, waiting } = await fleetStatus(
    agent,
    ours.some(({ owner }) => owner?.kind === 'fleet'),
  );
  using history = openHistory(agent.paths.history, { writable: false });
  const installed = history.installed();
  return {
    version: packageJson.version,
    systemd: `${version.major}.${version.minor}`,
    extensions: seen.extensions.map((one) => ({ name: one.name, version: one.version, state: stateOf(seen, one) })),
    desired: installed.length,
    generation: history.generations(1)[0]?.number ?? 0,
    holds: history.holds(),
    tally: history.tally(),
    storeBytes: storeBytes(agent.paths.store),
    updates: waiting?.names.filter((name) => installed.some((one) => one.name === name)) ?? [],
    verifyFailures: verifyFailures(agent.root),
    problems: problems.length,
    now: agent.clock.now(),
  };
}

function stateOf({ images }: Overview, { name, merged, rolledBack }: ExtensionOverview): ExtensionState {
  if (merged) return 'merged';
  const found = images.find(({ image }) => image.name === name);
  if (rolledBack.length > 0 || (found !== undefined && isBlocker(found))) return 'quarantined';
  return found?.verdict.outcome === 'ignored' ? 'ignored' : 'unmerged';
}

/** What the images take; a directory's own size says nothing of what is in it, and is left out. */
function storeBytes(store: string): number {
  const sizes = storedImages(store).map(({ path }) => fileStatus(path));
  return sizes.reduce((sum, status) => sum + (status?.isFile() === true ? status.size : 0), 0);
}

/** docs/metrics.md has a row for each. */
export function metricFamilies(facts: MetricFacts): MetricFamily[] {
  return [...extensionFamilies(facts), ...operationFamilies(facts.tally), ...hostFamilies(facts)];
}

function extensionFamilies({ extensions, desired, generation, holds }: MetricFacts): MetricFamily[] {
  const inState = (state: ExtensionState) => one(extensions.filter((extension) => extension.state === state).length);
  return [
    gauge(
      'extension_info',
      'What is known of each extension; always 1.',
      extensions.map(({ name, version, state }) => ({ labels: { name, version, state }, value: 1 })),
    ),
    gauge('extensions_desired', 'Extensions of the set in force.', one(desired)),
    gauge('extensions_merged', 'Extensions that are merged.', inState('merged')),
    gauge('extensions_ignored', 'Images that do not fit this host, and that systemd leaves out.', inState('ignored')),
    gauge(
      'extensions_quarantined',
      'Images kept from being merged: they would stop every merge, or the host was not well with them.',
      inState('quarantined'),
    ),
    gauge('generation', 'The number of the set in force; 0 where there is none.', one(generation)),
    gauge(
      'hold',
      'Extensions that are held; always 1.',
      holds.map(({ name }) => ({ labels: { name }, value: 1 })),
    ),
  ];
}

function operationFamilies({ counts, latest, rolledBack, mergeMs }: OperationTally): MetricFamily[] {
  const successes = latest.filter(({ result }) => result === 'done');
  const ended = latest.filter(({ verb, id }) => !latest.some((other) => other.verb === verb && other.id > id));
  const asked = counts.find(({ verb, result }) => verb === 'rollback' && result === 'done')?.count ?? 0;
  return [
    counter(
      'operations_total',
      'Operations that ended, by what was asked for and what came of it.',
      counts.map(({ verb, result, count }) => ({ labels: { op: verb, result }, value: count })),
    ),
    gauge(
      'last_success_timestamp_seconds',
      'When the last operation of a kind ended well.',
      successes.map(({ verb, endedAt }) => ({ labels: { op: verb }, value: endedAt.getTime() / 1000 })),
    ),
    gauge(
      'operation_duration_seconds',
      'How long the last operation of a kind took.',
      ended.map(({ verb, durationMs }) => ({ labels: { op: verb }, value: durationMs / 1000 })),
    ),
    counter('rollbacks_total', 'Sets that were taken back, by who had it done.', [
      { labels: { trigger: 'health' }, value: rolledBack },
      { labels: { trigger: 'request' }, value: asked },
    ]),
    gauge(
      'refresh_window_seconds',
      'How long systemd-sysext took the last time that it changed what is merged.',
      mergeMs === undefined ? [] : one(mergeMs / 1000),
    ),
  ];
}

function hostFamilies(facts: MetricFacts): MetricFamily[] {
  const { version, systemd, storeBytes: bytes, problems, tally, now } = facts;
  const newest = Math.max(0, ...tally.latest.map(({ endedAt }) => endedAt.getTime()));
  return [
    gauge('store_bytes', 'What the images of the store take; hard links to them count once.', one(bytes)),
    gauge(
      'update_available',
      'Installed extensions that the fleet wants in another version, which waits; always 1.',
      facts.updates.map((name) => ({ labels: { name }, value: 1 })),
    ),
    counter(
      'verify_failures_total',
      'What was fetched and could not be verified, by what was wrong with it.',
      Object.entries(facts.verifyFailures).map(([reason, value]) => ({ labels: { reason }, value })),
    ),
    gauge('config_error', 'Problems with the drop-ins of the fleet.', one(problems)),
    gauge(
      'clock_skew_seconds',
      'How far the newest record lies ahead of the clock; 0 where it does not.',
      one(Math.max(0, newest - now.getTime()) / 1000),
    ),
    gauge('build_info', 'The versions of the agent and of systemd; always 1.', [
      { labels: { version, systemd }, value: 1 },
    ]),
  ];
}

function one(value: number): MetricSample[] {
  return [{ value }];
}

function gauge(name: string, help: string, samples: readonly MetricSample[]): MetricFamily {
  return { name: `sysext_agent_${name}`, type: 'gauge', help, samples };
}

function counter(name: string, help: string, samples: readonly MetricSample[]): MetricFamily {
  return { name: `sysext_agent_${name}`, type: 'counter', help, samples };
}
