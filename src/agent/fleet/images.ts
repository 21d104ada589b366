import { isAgentError, type AgentError } from '../../core/errors.ts';
import { inParallel } from '../../core/parallel.ts';
import type { Position, Problem } from '../../core/problems.ts';
import { isInRange } from '../../core/version-range.ts';
import { inOrder } from '../../core/yaml/document.ts';
import { fieldPath } from '../../core/yaml/text.ts';
import type { Agent } from '../agent.ts';
import { arrivalsOf, type Coming } from '../arrivals.ts';
import type { ImageRequest } from '../candidate.ts';
import { fieldOfSource } from './combine.ts';
import type { FleetConfiguration, Wish } from './configuration.ts';
import type { FleetVerdict } from './decision.ts';
import { wishedHealth } from './desired.ts';

/** Gets the image of an extension that a drop-in wants: by building it, or as a file that is there. */
export type ImageSource = (name: string, wish: Wish, signal?: AbortSignal) => Promise<ImageRequest>;

/** Something that keeps an extension from becoming what the drop-ins want. */
export interface Trouble {
  readonly name: string;
  readonly problems: readonly Problem[];
  /** Whether it may pass without any file being changed. */
  readonly mayPass: boolean;
}

export interface GottenImages {
  readonly coming: readonly Coming[];
  readonly troubles: readonly Trouble[];
}

/** How many images are fetched at the same time. */
const mostFetched = 4;

/**
 * Gets the images that a decision needs: those that are published a few at a time, the others one after the other, since a
 * build takes all that there is. What cannot be got keeps none of the others away.
 */
export async function getImages(
  agent: Agent,
  configuration: FleetConfiguration,
  verdicts: readonly FleetVerdict[],
  imageFor: ImageSource,
  signal?: AbortSignal,
): Promise<GottenImages> {
  const requests: ImageRequest[] = [];
  const troubles: Trouble[] = [];
  const turnAway = (name: string, error: AgentError, mayPass: boolean) => {
    troubles.push({ name, problems: problemsAt(configuration, name, error), mayPass });
  };
  const get = async ({ name, wish }: Needed, stop: AbortSignal | undefined) => {
    try {
      requests.push(asWished(name, wish, await imageFor(name, wish, stop)));
    } catch (error) {
      if (!isAgentError(error) || isAgentError(error, 'interrupted')) throw error;
      turnAway(name, error, true);
    }
  };
  const { published = [], others = [] } = Object.groupBy(verdicts.filter(needsImage), ({ wish }) =>
    wish.source.kind === 'reference' ? 'published' : 'others',
  );
  await inParallel(published, mostFetched, get, signal);
  for (const needed of others) await get(needed, signal);
  const admitted = await arrivalsOf(agent, requests, ({ name = '' }, error) => {
    turnAway(name, error, isAgentError(error, 'no-such-file', 'invalid-image'));
  });
  const coming = admitted.filter(({ candidate: { name, version } }) => {
    const mistake = versionMistake(configuration, name, version);
    if (mistake !== undefined) troubles.push({ name, problems: [mistake], mayPass: true });
    return mistake === undefined;
  });
  return { coming, troubles };
}

type Needed = Extract<FleetVerdict, { readonly action: 'install' | 'replace' }>;

function needsImage(verdict: FleetVerdict): verdict is Needed {
  return verdict.action === 'install' || verdict.action === 'replace';
}

function asWished(name: string, wish: Wish, request: ImageRequest): ImageRequest {
  const health = [...(request.health ?? []), ...wishedHealth(name, wish)];
  return { ...request, name, allow: [...wish.allow, ...(request.allow ?? [])], health };
}

function versionMistake({ extensions, texts }: FleetConfiguration, name: string, version: string): Problem | undefined {
  const range = extensions.find((extension) => extension.name === name)?.said.version;
  if (range === undefined || isInRange(version, range.value)) return undefined;
  const what = version === '' ? 'its image does not say its version' : `its image has the version ${version}`;
  return withLine(texts, {
    position: range.position,
    field: `${fieldPath('extensions', name)}.version`,
    message: `${what}, and ${range.value.text} is wanted`,
  });
}

/** An error about one extension, at the place where its source is written; then what it says of other files. */
export function problemsAt(configuration: FleetConfiguration, name: string, error: AgentError): Problem[] {
  const source = configuration.extensions.find((extension) => extension.name === name)?.said.source;
  const { facts = [], problems = [] } = error.details;
  const message = [error.message, ...facts.slice(0, 3).map((fact) => fact.trim())].join('; ');
  const field = fieldPath('extensions', name);
  if (source === undefined) return [{ position: nowhere, field, message }, ...problems];
  const at = { position: source.position, field: `${field}.${fieldOfSource[source.value.kind]}`, message };
  return [withLine(configuration.texts, at), ...problems];
}

/** For what is said of an extension that no drop-in is about any more. */
const nowhere: Position = { file: '/etc/sysext-agent/extensions.d', line: 1, column: 1 };

function withLine(texts: ReadonlyMap<string, string>, problem: Problem): Problem {
  return inOrder([problem], texts.get(problem.position.file) ?? '')[0] ?? problem;
}
