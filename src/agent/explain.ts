import { filePaths } from '../core/contents/contents.ts';
import { winsOver } from '../core/contents/rule.ts';
import { AgentError } from '../core/errors.ts';
import { nearestName } from '../core/yaml/text.ts';
import type { Verdict } from '../systemd/verdicts.ts';
import type { Agent } from './agent.ts';
import { entriesOf } from './contents.ts';
import { openHistory, type History, type OperationRecord } from './history.ts';
import { installedIn } from './installed.ts';
import { overview, type ExtensionOverview, type Overview } from './overview.ts';

/** How an extension came here. */
export interface Origin {
  readonly source: string;
  /** Who vouched for it, in words, where it was fetched. */
  readonly vouchedBy?: string;
  /** When the image that is installed came to be, last: a rollback brings one back. */
  readonly at: Date;
  /** The operation that put it there, where the history has it. */
  readonly operation: OperationRecord | undefined;
}

/** Files that another extension has as well. */
export interface Conflict {
  readonly other: string;
  /** Whether the files of the explained extension win; undefined where systemd gives the two no order. */
  readonly wins: boolean | undefined;
  readonly paths: readonly string[];
}

/** Why an extension is merged or not. */
export interface Explanation {
  readonly extension: ExtensionOverview;
  /** The hierarchies that it is merged into now, and since when. */
  readonly merged: readonly { readonly hierarchy: string; readonly since: Date }[];
  /** What systemd-sysext would do with its image; undefined where it finds none. */
  readonly verdict: Verdict | undefined;
  /** Of what this agent installed under that name, whether or not systemd finds that or something else. */
  readonly origin: Origin | undefined;
  readonly conflicts: readonly Conflict[];
  /** The configuration extension of the same name, where there is one besides. */
  readonly confext?: Explanation;
}

/**
 * Everything that says why an extension is merged or not, whoever put it there. Nothing is written.
 * @throws AgentError `no-such-extension` where nothing has that name, with the nearest that has one.
 */
export async function explain(agent: Agent, name: string): Promise<Explanation> {
  const all = await overview(agent);
  const extension = all.extensions.find((candidate) => candidate.name === name);
  const confext = confextExplanation(all.confexts, name);
  using history = openHistory(agent.paths.history, { writable: false });
  if (extension === undefined) {
    if (confext !== undefined) return confext;
    const { extensions, confexts } = all;
    throw unknown(name, [...extensions, ...confexts.extensions], history.latestChange(name, ['removed']));
  }
  const verdict = all.images.find(({ image }) => image.name === name)?.verdict;
  return {
    extension,
    merged: mergedInto(all, name, verdict),
    verdict,
    origin: await originOf(agent, name, history),
    conflicts: await conflictsOf(agent, all, name),
    ...(confext === undefined ? {} : { confext }),
  };
}

/** Undefined where there is none of that name. */
function confextExplanation(all: Overview['confexts'], name: string): Explanation | undefined {
  const extension = all.extensions.find((candidate) => candidate.name === name);
  const verdict = all.images.find(({ image }) => image.name === name)?.verdict;
  return extension && { extension, merged: mergedInto(all, name, verdict), verdict, origin: undefined, conflicts: [] };
}

function unknown(
  name: string,
  extensions: readonly ExtensionOverview[],
  removal: OperationRecord | undefined,
): AgentError {
  const names = extensions.map((extension) => extension.name);
  const nearest = nearestName(name, names);
  return new AgentError(
    'no-such-extension',
    `there is no extension ${name}: it is neither installed nor found nor merged`,
    {
      facts: [
        ...(removal === undefined ? [] : [`operation ${removal.id} removed it`]),
        names.length === 0 ? 'There are none.' : `there are: ${names.join(', ')}`,
      ],
      ...(nearest === undefined ? {} : { next: `Did you mean ${nearest}?` }),
    },
  );
}

/** The metadata of each hierarchy names all that are merged; what adds nothing to one is not in it. */
function mergedInto(
  { hierarchies }: Pick<Overview, 'hierarchies'>,
  name: string,
  verdict: Verdict | undefined,
): Explanation['merged'] {
  const adds = (hierarchy: string) =>
    verdict?.outcome !== 'merges' || verdict.hierarchies.includes(hierarchy.replace(/^\//, ''));
  return hierarchies.flatMap(({ hierarchy, extensions, since }) =>
    since !== undefined && extensions.includes(name) && adds(hierarchy) ? [{ hierarchy, since }] : [],
  );
}

async function originOf(agent: Agent, name: string, history: History): Promise<Origin | undefined> {
  const record = (await installedIn(agent, history)).find((extension) => extension.name === name);
  if (record === undefined) return undefined;
  const operation = history.latestChange(name, ['added', 'replaced', 'kept']);
  const { source, published, installedAt } = record;
  const vouched = published === undefined ? {} : { vouchedBy: published.vouchedBy };
  return { source, ...vouched, at: operation?.startedAt ?? installedAt, operation };
}

async function conflictsOf(agent: Agent, { images }: Overview, name: string): Promise<Conflict[]> {
  const merging = images.filter(({ verdict }) => verdict.outcome === 'merges');
  const own = merging.find(({ image }) => image.name === name);
  if (own === undefined) return [];
  const paths = new Set(filePaths(await entriesOf(agent, own.image)));
  const conflicts: Conflict[] = [];
  for (const { image } of merging) {
    if (image.name === name) continue;
    const shared = filePaths(await entriesOf(agent, image)).filter((path) => paths.has(path));
    if (shared.length === 0) continue;
    conflicts.push({ other: image.name, wins: winsOver(name, image.name), paths: shared.map((path) => `/${path}`) });
  }
  return conflicts;
}
