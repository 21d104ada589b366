import { basename } from 'node:path';

import { compatibility, type Compatibility, type HostRelease } from '../core/compatibility.ts';
import { problemOfRule, type Allowance, type Judgement } from '../core/contents/allow.ts';
import type { Finding } from '../core/contents/finding.ts';
import { AgentError } from '../core/errors.ts';
import type { HealthCheck } from '../core/health.ts';
import type { ImageEntry } from '../core/image-entry.ts';
import { extensionNameRule, isExtensionName } from '../core/names.ts';
import { identifyImage } from '../core/naming.ts';
import { parseReleaseFields, type ReleaseFields } from '../core/os-release.ts';
import { findReleaseFile } from '../core/release-file.ts';
import type { SystemdVersion } from '../core/systemd-version.ts';
import type { VerifiedImage } from '../core/verified-image.ts';
import type { Exec } from '../host/exec.ts';
import { readImage, type ImageFacts } from '../systemd/image.ts';
import type { Owner } from './owner.ts';
import type { PublishedRecord } from './published-record.ts';

/** An image that someone asks for, before anything is done with it. */
export interface ImageRequest extends VerifiedImage {
  /** Where it came from, for the record: a path, a spec with its target. */
  readonly source: string;
  /** The extension's name and version, where the asker knows better than the image. */
  readonly name?: string;
  readonly version?: string;
  /** What the asker allows in it, of what is not merged without being allowed. */
  readonly allow?: readonly Allowance[];
  /** What its spec says of its health. */
  readonly health?: readonly HealthCheck[];
  /** Whose the extension is to be; a person's unless given. */
  readonly owner?: Owner;
  /** Where it was fetched from. */
  readonly published?: PublishedRecord;
}

/** An image as an extension that could be installed: who it is and what it says of itself. */
export interface Candidate {
  readonly request: ImageRequest;
  /** The image that was read: what was asked for, or the copy of it in the store. */
  readonly path: string;
  readonly name: string;
  readonly version: string;
  readonly facts: ImageFacts;
  /** Everything in the image. */
  readonly entries: readonly ImageEntry[];
  /** Text and fields of the extension-release file that counts for that name; undefined where none does. */
  readonly release: { readonly file: string; readonly text: string; readonly fields: ReleaseFields } | undefined;
}

/**
 * Reads an image and finds out which extension it is.
 * @param systemd decides which extension-release file counts.
 * @throws AgentError `invalid-image`, `no-such-file`, or `usage` where it would have no fit name.
 */
export async function readCandidate(request: ImageRequest, systemd: SystemdVersion, exec: Exec): Promise<Candidate> {
  const { facts, entries } = await readImage(request.path, exec);
  const regular = facts.releaseFiles.filter((file) => file.regular).map((file) => file.name);
  const identity = identifyImage(stemOf(request), regular);
  const name = request.name ?? identity.name;
  if (!isExtensionName(name)) {
    throw new AgentError('usage', `"${name}" cannot be the name of an extension: ${extensionNameRule}`, {
      next: 'Give it a name with --name=NAME.',
    });
  }
  const file = findReleaseFile(facts.releaseFiles, name, systemd);
  const text = facts.releaseFiles.find((candidate) => candidate.name === file)?.text;
  const release =
    file === undefined || text === undefined ? undefined : { file, text, fields: parseReleaseFields(text) };
  return {
    request,
    path: request.path,
    name,
    version: request.version ?? releasedVersion(release?.fields) ?? identity.version,
    facts,
    entries,
    release,
  };
}

/** The name of the image's file without its suffix. */
export function stemOf({ path }: Pick<ImageRequest, 'path'>): string {
  return basename(path).replace(/(\.sysext)?\.raw$/, '');
}

/** The version that the release file names, in the fields that systemd reserves for it (os-release(5)). */
function releasedVersion(fields: ReleaseFields | undefined): string | undefined {
  return fields?.['SYSEXT_IMAGE_VERSION'] ?? fields?.['SYSEXT_VERSION_ID'];
}

/** Whether systemd would merge the candidate on this host. */
export function fitOf(candidate: Candidate, host: HostRelease): Compatibility {
  return compatibility(candidate.release?.fields, host);
}

/** Without these an image is none to ask whether it fits. */
const noExtension: readonly string[] = ['os-release', 'nothing-to-merge'];

/**
 * Refuses a candidate that must not be activated on this host.
 * @param judgement of what it holds.
 * @throws AgentError `incompatible` with the field that differs, `content-refused` for what an extension must not hold.
 */
export function admit(candidate: Candidate, host: HostRelease, { refused }: Judgement): void {
  refuse(
    candidate,
    refused.filter(({ rule }) => noExtension.includes(rule)),
  );
  requireFit(candidate, host);
  refuse(candidate, refused);
}

function requireFit(candidate: Candidate, host: HostRelease): void {
  const fit = fitOf(candidate, host);
  if (fit.fits) return;
  const { field, expected, found, reason } = fit.why;
  throw new AgentError('incompatible', `${candidate.name} does not fit ${host.title ?? 'this host'}: ${reason}`, {
    facts: [`field: ${field}`, `expected: ${expected}`, `found: ${found === '' ? '(nothing)' : found}`],
    left: 'Nothing was changed.',
    next:
      candidate.release === undefined
        ? wayToRelease(candidate)
        : 'Build or choose an image for this system; `sysext-agent check IMAGE` compares one.',
  });
}

function refuse({ request, name }: Candidate, refused: readonly Finding[]): void {
  const [first] = refused;
  if (first === undefined) return;
  const rules = [...new Set(refused.map(({ rule }) => rule))];
  const next = wayToAllow(name, rules);
  throw new AgentError('content-refused', `${request.path} is refused for what it holds: ${rules.join(', ')}`, {
    facts: refused.flatMap(({ rule, message, remedy }) => [`${rule}: ${message}`, `  ${remedy}`]),
    left: 'Nothing was changed.',
    ...(next === undefined ? {} : { next }),
  });
}

/** How to allow what these rules found; undefined where it does not help, since one of them cannot be allowed. */
function wayToAllow(name: string, rules: readonly string[]): string | undefined {
  if (!rules.every((rule) => problemOfRule(rule) === undefined)) return undefined;
  const options = rules.map((rule) => `--allow=${rule}`).join(' ');
  const list = `{allow: [${rules.join(', ')}]}`;
  return `Where it is meant: ${options}, or in /etc/sysext-agent/agent.yml \`extensions: {${name}: ${list}}\`, or in its spec \`x-sysext: ${list}\`.`;
}

function wayToRelease({ name, facts }: Candidate): string {
  const names = facts.releaseFiles.map((file) => file.name);
  if (names.length === 0)
    return `Ask who made the image to add /usr/lib/extension-release.d/extension-release.${name}, which says for which systems it is (extension-release(5)), or build one of its files from a spec.`;
  return `The image carries ${names.join(', ')}: --name=NAME gives the extension the name that such a file has.`;
}
