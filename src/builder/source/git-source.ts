import { AgentError } from '../../core/errors.ts';
import { jsonMatch, jsonOptional, jsonStruct, jsonText } from '../../core/json.ts';
import { quote } from '../../core/yaml/text.ts';
import { shown } from '../../host/http.ts';
import type { Material } from '../making/making-step.ts';
import type { GitSource } from '../spec/sources.ts';
import { accessFor } from './git-access.ts';
import { parseGitAddress, type GitAddress } from './git-address.ts';
import { remoteNames } from './git-commands.ts';
import { chooseName, hasChecksum, isCommitId, namePatterns, toProve, type FoundCommit } from './git-names.ts';
import { bringRepository, type Brought } from './git-repository.ts';
import { filesIn } from './git-tree.ts';
import type { Fetching, SettledSource } from './means.ts';
import { notInCache, wrongSource } from './missing.ts';
import { partOf } from './part.ts';
import { selectionOf } from './selection.ts';

/** The files of a commit, with those of its submodules. */
export async function settleGit(name: string, source: GitSource, means: Fetching): Promise<SettledSource> {
  const address = addressOf(name, source);
  const said = await commitNow(name, source, address, means);
  verifyChecksum(name, source, said);
  const found = toProve(said, source.checksum?.value ?? '');
  const { commit, ref, tag } = found;
  const part = { path: source.path, ...selectionOf(source) };
  const own = source.keepGitDir ? [address.url, ref] : false;
  const proven = tag === undefined ? commit : `${commit} by ${tag}`;
  return {
    identity: JSON.stringify(['git', proven, own, part.path?.value, part.includes, part.excludes]),
    materials: [materialOf(name, address, found)],
    warnings: isFixed(source) ? [] : [unpinned(name, source, address, commit)],
    files: async () => {
      const brought = await bringRepository({ name, source, means }, address, found);
      const { nodes, leftOut } = filesIn(brought);
      return {
        nodes: partOf(name, nodes, part),
        materials: brought.flatMap((one) => (one.path === '' ? [] : [submoduleMaterial(name, one)])),
        warnings: [...leftOut, ...brought.flatMap(({ missing }) => missing)].map(
          (what) => `the source ${quote(name)}: ${what}`,
        ),
      };
    },
  };
}

function addressOf(name: string, { url }: GitSource): GitAddress {
  const parsed = parseGitAddress(url.value);
  if ('problem' in parsed) throw wrongSource(name, url.position, 'git.url', parsed.problem);
  return parsed.value;
}

const kind = 'git-name';
const id = jsonMatch(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, 'an id');
const kept = jsonStruct({ commit: id, ref: jsonText(), tag: jsonOptional(id, undefined) });

/** The commit that is asked for: by its id always the same, by a name what the server says now; offline, said last. */
async function commitNow(name: string, source: GitSource, address: GitAddress, means: Fetching): Promise<FoundCommit> {
  const wanted = source.commit.value.trim();
  if (isCommitId(wanted)) return { commit: wanted };
  if (/^-|[\s\p{C}*?[\\~^:]|\.\.|@\{/u.test(wanted))
    throw wrongSource(name, source.commit.position, 'git.commit', `${quote(wanted)} is no commit, branch or tag`);
  const thing = `${address.url} ${wanted}`;
  if (means.offline) return offlineCommit(name, thing, means);
  means.progress.step(`looking for ${wanted} of the source ${name}`);
  const names = await namesOf(name, source, address, means, wanted);
  const found = chooseName(wanted, names);
  if (found === undefined) throw noSuchName(name, address, wanted);
  means.store.remember(kind, thing, found);
  return found;
}

function offlineCommit(name: string, thing: string, { store }: Fetching): FoundCommit {
  const known = store.note(kind, thing, kept);
  if (known === undefined) throw notInCache(name);
  const { commit, ref, tag } = known;
  return { commit, ref, ...(tag === undefined ? {} : { tag }) };
}

async function namesOf(name: string, source: GitSource, address: GitAddress, means: Fetching, wanted: string) {
  const access = accessFor(name, source, address, means);
  const { signal } = means;
  await using room = await means.git.open(means.work);
  return await remoteNames(
    { room, access, name, ...(signal === undefined ? {} : { signal }) },
    address.url,
    namePatterns(wanted),
  );
}

function noSuchName(name: string, { url }: GitAddress, wanted: string): AgentError {
  const isShort = /^[0-9a-f]{7,}$/.test(wanted);
  return new AgentError(
    'no-such-file',
    `${shown(url)} has no branch or tag ${quote(wanted)}, which the source ${quote(name)} names`,
    {
      left: 'Nothing was built.',
      next: isShort
        ? 'Write the whole id of the commit, with 40 digits.'
        : 'Correct the commit of the source in the spec.',
    },
  );
}

function verifyChecksum(name: string, { checksum }: GitSource, found: FoundCommit): void {
  if (checksum === undefined || checksum.value === '' || hasChecksum(found, checksum.value)) return;
  throw new AgentError(
    'verification-failed',
    `the git repository of the source ${quote(name)} is not at the commit that was promised`,
    {
      facts: [`expected: ${checksum.value}`, `found:    ${found.commit}`],
      left: 'Nothing was fetched.',
      next: 'Find out who moved the branch or tag before you change the checksum in the spec.',
    },
  );
}

function isFixed({ commit, checksum }: GitSource): boolean {
  return isCommitId(commit.value.trim()) || (checksum?.value.length ?? 0) >= 40;
}

function unpinned(name: string, { commit: wanted }: GitSource, { url }: GitAddress, commit: string): string {
  const what = `${wanted.value} of ${shown(url)}`;
  return `the source ${quote(name)} is ${what}, which can change: it was ${commit}; write that as its commit to keep it`;
}

function materialOf(name: string, { url }: GitAddress, { commit, ref }: FoundCommit): Material {
  return { name, uri: `git+${shown(url)}${ref === undefined ? '' : `@${ref}`}`, digest: { gitCommit: commit } };
}

function submoduleMaterial(name: string, { path, url, commit }: Brought): Material {
  return { name: `${name}/${path}`, uri: `git+${shown(url)}`, digest: { gitCommit: commit } };
}
