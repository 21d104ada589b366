import { isSameIdentity, type FileIdentity } from '../host/file-identity.ts';
import type { MergeMark } from '../systemd/merged.ts';
import type { OriginImage } from '../systemd/origin.ts';
import type { MergeRecord } from './merge-record.ts';

/** Which image an extension was merged from, as far as anything tells. */
export interface MergedImage {
  readonly name: string;
  /** `origin`: systemd-sysext says it; `record`: this agent merged it, and nobody else since; `unknown`: nothing does. */
  readonly known: 'origin' | 'record' | 'unknown';
  /** Below the root. */
  readonly path?: string;
  /** Of an image that was in our store when it was merged. */
  readonly sha256?: string;
  /** Whether it is what systemd finds under that name now; absent where that is not known. */
  readonly current?: boolean;
}

/** What is merged, compared with what was and with what systemd finds. */
export interface ObservedMerge {
  /** One for each merged name, ascending. */
  readonly images: readonly MergedImage[];
  /** The hierarchies that somebody else merged since the last merge of this agent in this boot. */
  readonly byOthers: readonly string[];
}

/** What tells of the images that are merged. */
export interface MergeEvidence {
  /** Names, ascending. */
  readonly merged: readonly string[];
  readonly marks: readonly MergeMark[];
  /** What systemd-sysext says from 260 on. */
  readonly origin: readonly OriginImage[] | undefined;
  readonly record: MergeRecord | undefined;
  /** What systemd finds under each name now. */
  readonly inPlace: ReadonlyMap<string, FileIdentity & { readonly kind: string }>;
}

/** Which images are merged. What nothing tells is unknown: nothing is guessed. */
export function mergedImages(evidence: MergeEvidence): ObservedMerge {
  const { merged, marks, record } = evidence;
  const byOthers = record === undefined ? [] : marks.filter((mark) => isOthers(record, mark));
  const origin = trustedOrigin(evidence);
  const recordHolds = record !== undefined && marks.every((mark) => isRecorded(record, mark));
  return {
    images: merged.map(
      (name) =>
        imageByOrigin(evidence, origin, name) ??
        (recordHolds ? imageByRecord(evidence, record, name) : undefined) ??
        unknownImage(evidence, name),
    ),
    byOthers: byOthers.map(({ hierarchy }) => hierarchy),
  };
}

function isRecorded({ marks }: MergeRecord, mark: MergeMark): boolean {
  return marks.some(
    ({ hierarchy, device, since }) => hierarchy === mark.hierarchy && device === mark.device && since === mark.since,
  );
}

/** A hierarchy that can be written to may have another time without another merge. */
function isOthers(record: MergeRecord, mark: MergeMark): boolean {
  const ownDevice = record.marks.some((own) => own.hierarchy === mark.hierarchy && own.device === mark.device);
  return !isRecorded(record, mark) && !(mark.mutable && ownDevice);
}

/** One that names other extensions than are merged is none of systemd's. */
function trustedOrigin({ merged, origin }: MergeEvidence): readonly OriginImage[] | undefined {
  const names = origin?.map(({ name }) => name).sort();
  return names?.join('/') === merged.join('/') ? origin : undefined;
}

function imageByOrigin(
  { record, inPlace }: MergeEvidence,
  origin: readonly OriginImage[] | undefined,
  name: string,
): MergedImage | undefined {
  const image = origin?.find((candidate) => candidate.name === name);
  if (image === undefined) return undefined;
  const recorded = record?.images.find((candidate) => candidate.name === name);
  const sha256 = recorded !== undefined && agrees(image, recorded.identity) === true ? recorded.sha256 : undefined;
  const found = inPlace.get(name);
  return told(name, 'origin', image.path, sha256, found === undefined ? false : agrees(image, found));
}

/** Whether a file is the image that systemd-sysext speaks of; undefined where it says too little. */
function agrees({ inode, mtime, birth }: OriginImage, file: FileIdentity): boolean | undefined {
  const same = [
    inode === undefined ? undefined : inode === file.inode,
    mtime === undefined ? undefined : mtime === file.mtime,
    birth === undefined || file.birth === 0 ? undefined : birth === file.birth,
  ].filter((answer) => answer !== undefined);
  return same.length === 0 ? undefined : same.every(Boolean);
}

function imageByRecord({ inPlace }: MergeEvidence, record: MergeRecord, name: string): MergedImage | undefined {
  const image = record.images.find((candidate) => candidate.name === name);
  if (image === undefined) return undefined;
  const found = inPlace.get(name);
  const current = found !== undefined && isSameIdentity(found, image.identity);
  return told(name, 'record', image.path, image.sha256, current);
}

/** A file that was written after the merge is not what was merged. */
function unknownImage({ marks, inPlace }: MergeEvidence, name: string): MergedImage {
  const found = inPlace.get(name);
  const since = Math.max(...marks.map((mark) => mark.since)) + 1;
  if (found === undefined) return { name, known: 'unknown' };
  return { name, known: 'unknown', ...(found.kind === 'raw' && found.mtime > since * 1000 ? { current: false } : {}) };
}

function told(
  name: string,
  known: 'origin' | 'record',
  path: string,
  sha256: string | undefined,
  current: boolean | undefined,
): MergedImage {
  return {
    name,
    known,
    path,
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(current === undefined ? {} : { current }),
  };
}
