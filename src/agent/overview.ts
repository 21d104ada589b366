import { fileStatus } from '../host/files.ts';
import { mergedNames, readMerged } from '../systemd/merged.ts';
import type { HierarchyStatus } from '../systemd/sysext-output.ts';
import { isBlocker, reasonOf, type JudgedImage } from '../systemd/verdicts.ts';
import { isActive, recordedImage } from './stored-image.ts';
import type { Agent } from './agent.ts';
import type { AllowedRecord } from './allowed.ts';
import type { InstalledExtension } from './history.ts';
import { installedExtensions } from './installed.ts';
import { survey } from './merging.ts';

/** One extension as `list` and `status` show it. */
export interface ExtensionOverview {
  readonly name: string;
  /** Empty where nothing says it. */
  readonly version: string;
  /** Size of the image in bytes; undefined for what is no single file. */
  readonly size: number | undefined;
  readonly merged: boolean;
  /** Why it is not merged; undefined where it is. */
  readonly whyNot: string | undefined;
  /** Path of the image that systemd finds, below the root; undefined where it finds none. */
  readonly path: string | undefined;
  /** Whether this agent installed it. */
  readonly ours: boolean;
  /** What was found in it and allowed. */
  readonly allowed: readonly AllowedRecord[];
}

export interface Overview {
  readonly hierarchies: readonly HierarchyStatus[];
  readonly extensions: readonly ExtensionOverview[];
  /** What systemd finds, with what it would do. */
  readonly images: readonly JudgedImage[];
}

/** What is merged, and of everything that systemd finds, that we installed or that is merged, why it is or is not. */
export async function overview(agent: Agent): Promise<Overview> {
  const hierarchies = readMerged(agent.root);
  const merged = mergedNames(hierarchies);
  const installed = await installedExtensions(agent);
  const { images } = await survey(agent);
  const names = new Set([...images.map(({ image }) => image.name), ...installed.map(({ name }) => name), ...merged]);
  const extensions = [...names].sort().map((name): ExtensionOverview => {
    const found = images.find(({ image }) => image.name === name);
    const record = ourRecord(agent, installed, name, found);
    const isMerged = merged.includes(name);
    return {
      name,
      version: record?.version ?? '',
      size: found?.image.kind === 'raw' ? fileStatus(found.image.realPath)?.size : record?.size,
      merged: isMerged,
      whyNot: isMerged ? undefined : whyNot(found, images),
      path: found?.image.path,
      ours: record !== undefined,
      allowed: record?.allowed ?? [],
    };
  });
  return { hierarchies, extensions, images };
}

/** The record of an extension, as long as what systemd finds under its name is the image of the record. */
function ourRecord(
  agent: Agent,
  installed: readonly InstalledExtension[],
  name: string,
  found: JudgedImage | undefined,
): InstalledExtension | undefined {
  const record = installed.find((extension) => extension.name === name);
  if (record === undefined || found === undefined) return record;
  return isActive(found.image.realPath, recordedImage(agent.paths.store, record)) ? record : undefined;
}

function whyNot(found: JudgedImage | undefined, images: readonly JudgedImage[]): string {
  if (found === undefined) return 'its image is gone from the search directories';
  const reason = reasonOf(found.verdict);
  if (reason !== undefined) return reason;
  const blocker = images.find(isBlocker);
  return blocker === undefined
    ? 'it fits and would be merged: run `sysext-agent refresh`'
    : `${blocker.image.path} stops every merge`;
}
