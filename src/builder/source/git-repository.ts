import { join } from 'node:path';

import { AgentError } from '../../core/errors.ts';
import { jsonList, jsonMatch, jsonOptional, jsonStruct, type JsonDecoder } from '../../core/json.ts';
import { quote } from '../../core/yaml/text.ts';
import { makeTemporaryDirectory } from '../../host/files.ts';
import { isLocal } from '../../host/exchange.ts';
import { shown } from '../../host/http.ts';
import type { GitSource } from '../spec/sources.ts';
import { accessFor, openAccess } from './git-access.ts';
import { parseGitAddress, submoduleAddress, type GitAddress } from './git-address.ts';
import type { GitWork } from './git-call.ts';
import { archiveOwnDirectory, fetchCommit } from './git-commands.ts';
import type { FoundCommit } from './git-names.ts';
import type { Submodule } from './git-submodules.ts';
import type { Fetching } from './means.ts';
import { notInCache } from './missing.ts';

/** One repository of a source: its own, or that of a submodule. */
export interface Brought {
  /** Where its files belong, relative to the source; '' for the source itself. */
  readonly path: string;
  /** Without what was secret in it. */
  readonly url: string;
  readonly commit: string;
  /** Archives of its files. */
  readonly archives: readonly string[];
  /** Sentences about submodules that cannot be brought. */
  readonly missing: readonly string[];
}

/** For which source it is done, and with what. */
export interface GitOrder {
  readonly name: string;
  readonly source: GitSource;
  readonly means: Fetching;
}

/** More than any program has; beyond it a repository is made to exhaust us. */
const mostRepositories = 500;

/**
 * Brings a commit here, and those of its submodules, each with theirs: from the cache where it has them. The first is the
 * source itself.
 * @throws AgentError `network`, `content-refused`, `tool-missing`, `usage` for a missing secret, `interrupted`
 */
export async function bringRepository(
  order: GitOrder,
  address: GitAddress,
  found: FoundCommit,
): Promise<readonly Brought[]> {
  const brought: Brought[] = [];
  const pending: Place[] = [{ path: '', address, found }];
  for (let place = pending.shift(); place !== undefined; place = pending.shift()) {
    const { path, address: own } = place;
    const kept = knownRepository(order, place) ?? (await fetchRepository(order, place));
    const placed = kept.submodules.map((submodule) => placeOf(submodule, path, own));
    brought.push({
      path,
      url: own.url,
      commit: place.found.commit,
      archives: kept.archives.map((hex) => order.means.store.pathOf({ algorithm: 'sha256', hex })),
      missing: placed.flatMap((one) => (typeof one === 'string' ? [one] : [])),
    });
    pending.push(...placed.flatMap((one) => (typeof one === 'string' ? [] : [one])));
    if (brought.length + pending.length > mostRepositories) throw tooMany(order.name);
  }
  return brought;
}

interface Place {
  readonly path: string;
  readonly address: GitAddress;
  readonly found: FoundCommit;
}

/** Where the repository of a submodule is; a sentence where nobody says. */
function placeOf({ path, commit, url }: Submodule, above: string, parent: GitAddress): Place | string {
  const whole = above === '' ? path : `${above}/${path}`;
  if (url === undefined) return `the submodule ${quote(whole)} is left out: .gitmodules does not say where it is`;
  const parsed = submoduleAddress(parent, url);
  if ('problem' in parsed) return `the submodule ${quote(whole)} is left out: ${parsed.problem}`;
  // A repository of the network must not have us ask services that trust whoever is on this host.
  if (isLocalHost(parsed.value) && !isLocalHost(parent))
    return `the submodule ${quote(whole)} is left out: it is said to be on this host itself`;
  return { path: whole, address: parsed.value, found: { commit } };
}

/** Of http alone the host is in its usual form: git and ssh take `2130706433` and `%6cocalhost` as well. */
function isLocalHost({ host }: GitAddress): boolean {
  const usual = URL.parse(`http://${host}`);
  return usual === null || isLocal(usual);
}

function tooMany(name: string): AgentError {
  return new AgentError('content-refused', `the source ${quote(name)} has more than ${mostRepositories} submodules`, {
    left: 'Nothing was built.',
  });
}

/** What is noted of a commit. */
interface Kept {
  /** The sha256 of each archive. */
  readonly archives: readonly string[];
  readonly submodules: readonly Submodule[];
}

const kind = 'git';
/** Paths of submodules may have any characters. */
const anyText: JsonDecoder<string> = (value) => (typeof value === 'string' ? value : '');
const kept: JsonDecoder<Kept> = jsonStruct({
  archives: jsonList(jsonMatch(/^[0-9a-f]{64}$/, 'a sha256'), 2),
  submodules: jsonList(
    jsonStruct({ path: anyText, commit: anyText, url: jsonOptional(anyText, undefined) }),
    mostRepositories,
  ),
});

/**
 * A commit is what it is wherever it comes from; a `.git` says where that was. What a tag is to lead to is found out once.
 */
function thingOf({ source }: GitOrder, { path, address, found: { commit, ref, tag } }: Place): string {
  const proven = tag === undefined ? commit : `${commit} by ${tag}`;
  return keepsOwn(source, path) ? `${proven} ${address.url} ${ref ?? ''}` : proven;
}

function keepsOwn({ keepGitDir }: GitSource, path: string): boolean {
  return keepGitDir && path === '';
}

function knownRepository(order: GitOrder, place: Place): Kept | undefined {
  const { store } = order.means;
  const known = store.note(kind, thingOf(order, place), kept);
  const isWhole = known?.archives.every((hex) => store.has({ algorithm: 'sha256', hex }));
  return isWhole === true ? known : undefined;
}

/** Secrets are for the server that the spec names: a submodule may be anywhere. */
function isOwnServer({ url }: GitSource, { transport, host }: GitAddress): boolean {
  const own = parseGitAddress(url.value);
  return 'value' in own && own.value.host === host && own.value.transport === transport;
}

async function fetchRepository(order: GitOrder, place: Place): Promise<Kept> {
  const { name, source, means } = order;
  const { address, found, path } = place;
  const { work, store, signal, progress } = means;
  if (means.offline) throw notInCache(name);
  progress.step(`fetching ${shown(address.url)} for the source ${name}`);
  const access = isOwnServer(source, address) ? accessFor(name, source, address, means) : openAccess(address, means);
  await using room = await means.git.open(work);
  const job: GitWork = { room, access, name, ...(signal === undefined ? {} : { signal }) };
  const directory = makeTemporaryDirectory(work);
  const [files, own] = [join(directory, 'files.tar'), join(directory, 'git.tar')];
  const keeps = keepsOwn(source, path);
  const { archive, submodules } = await fetchCommit(job, address.url, found, { path: files, keeps });
  const archives = [[files, archive]];
  if (keeps) archives.push([own, await archiveOwnDirectory(job, address.url, found.commit, own)]);
  for (const [file = '', hex = ''] of archives) store.adopt(file, hex);
  const noted = { archives: archives.map(([, hex = '']) => hex), submodules };
  store.remember(kind, thingOf(order, place), noted);
  return noted;
}
