import { basename, join } from 'node:path';

import { AgentError } from '../core/errors.ts';
import { extensionClasses } from '../core/extension-class.ts';
import { describeCheck } from '../core/health.ts';
import {
  fileStatus,
  linkStatus,
  makeDirectory,
  removeTree,
  renameDurably,
  temporaryBeside,
  writeAtomically,
} from '../host/files.ts';
import { belowRoot } from '../host/root.ts';
import type { DriverChoice } from '../systemd/drivers/choice.ts';
import { disableUnit, enableUnit } from '../systemd/units.ts';
import { entryPath, removeEntry, replaceEntry } from './activation.ts';
import { mergerOf, type Agent } from './agent.ts';
import { describeEffect, isEffect, takeEffect } from './effects/executors.ts';
import { confirmHealth } from './health.ts';
import { inspecting } from './inspection.ts';
import { maskMark } from './masks.ts';
import { runMerge } from './merging.ts';
import type { ImageOf, Mask, OwnStep, PlanStep } from './plan.ts';
import type { Step } from './steps.ts';
import { digestOf } from './store.ts';
import { isActive, recordedImage, type StoredImage } from './stored-image.ts';

/** What steps find out while they are taken. */
export interface Findings {
  warnings: string[];
  /** Names merged after the last merge. */
  merged: readonly string[];
  /** What systemd-sysext said. */
  said: readonly string[];
  /** How the last merge was done. */
  choice?: DriverChoice;
  /** Whether something around the merge was begun that is to be taken back where the change is. */
  touched: boolean;
}

/** What the executors work with. */
export interface Workshop {
  readonly agent: Agent;
  readonly findings: Findings;
  /** Ends a health check. */
  readonly signal?: AbortSignal;
  /** Puts the image that a step stages into the store, judges what is stored there, and returns it. */
  stage(step: StepOf<'stage'>): Promise<StoredImage>;
}

type StepOf<K extends OwnStep['kind']> = Extract<OwnStep, { readonly kind: K }>;
type Taking = Pick<Step, 'do' | 'undo' | 'halves'>;
type Executors = {
  readonly [K in OwnStep['kind']]: (workshop: Workshop, step: StepOf<K>) => Taking;
};

/** How each kind of step is taken and taken back. A step without undo leaves nothing that anyone looks at. */
const executors: Executors = {
  stage: (workshop, step) => ({
    do: async () => {
      const { sha256 } = await workshop.stage(step);
      if (sha256 !== step.extension.sha256) throw changedMeanwhile(step);
    },
  }),
  verify: ({ agent }, { extension }) => ({
    do: () => {
      verify(imageOf(agent, extension), extension);
    },
  }),
  withdraw: ({ agent }, { extension }) => ({
    halves: true,
    do: () => {
      removeEntry(entryPath(agent.paths.extensions, extension.name, extension.kind));
    },
    undo: () => restoreEntry(agent, extension.name, undefined, imageOf(agent, extension)),
  }),
  place: ({ agent }, { extension: { name, ...image }, previous }) => ({
    halves: true,
    do: () => replaceEntry(agent.paths.extensions, name, before(agent, previous), imageOf(agent, image), agent.exec),
    undo: () => restoreEntry(agent, name, imageOf(agent, image), before(agent, previous)),
  }),
  mask: ({ agent }, { mask, reason }) => ({
    halves: true,
    do: () => {
      makeMask(agent.root, mask, reason);
    },
    undo: () => {
      removeMask(agent.root, mask);
    },
  }),
  unmask: ({ agent }, { mask, reason }) => ({
    halves: true,
    do: () => {
      removeMask(agent.root, mask);
    },
    undo: () => {
      makeMask(agent.root, mask, reason);
    },
  }),
  enable: ({ agent, findings }, { unit }) => {
    let enabled = false;
    return {
      do: async () => {
        enabled = await enableUnit(agent.exec, agent.root, unit);
        findings.warnings.push(
          enabled
            ? `enabled ${unit}, so that extensions are merged at boot`
            : `extensions will not be merged at boot: ${unit} cannot be enabled`,
        );
      },
      undo: async () => {
        if (enabled) await disableUnit(agent.exec, agent.root, unit);
      },
    };
  },
  merge: ({ agent, findings, signal }, { verb, options, inspection, class: name }) => ({
    do: async () => {
      const inspect = inspection && inspecting({ ...agent, warnings: findings.warnings }, inspection, signal);
      Object.assign(findings, await runMerge(agent, verb, options, inspect, mergerOf(agent, name)));
    },
  }),
  confirm: ({ agent, signal }, { check }) => ({ do: () => confirmHealth(agent, check, signal) }),
};

/** What is to be done for one step of a plan. */
export function executorOf(workshop: Workshop, step: PlanStep): Taking {
  if (!isEffect(step)) return ownExecutor(workshop, step);
  const { agent, findings } = workshop;
  return {
    do: () => {
      findings.touched = true;
      return takeEffect({ ...agent, warnings: findings.warnings }, step);
    },
  };
}

function ownExecutor<K extends OwnStep['kind']>(workshop: Workshop, step: StepOf<K> & { readonly kind: K }): Taking {
  return executors[step.kind](workshop, step);
}

type Describers = { readonly [K in OwnStep['kind']]: (step: StepOf<K>, extensions: string) => string };

const describers: Describers = {
  stage: ({ extension, from }) => `copy ${extension.name} from ${from} into the store`,
  verify: ({ extension }) => `compare the stored image of ${extension.name} with its digest`,
  withdraw: ({ extension }, extensions) => `take ${entryOf(extension)} out of ${extensions}`,
  place: ({ extension }, extensions) => `put ${entryOf(extension)} into ${extensions}`,
  mask: ({ mask }) => `mask ${mask.name} by ${mask.at}`,
  unmask: ({ mask }) => `remove the mask ${mask.at}`,
  enable: ({ unit }) => `enable ${unit}`,
  merge: ({ verb, inspection, class: name = 'sysext' }) =>
    [
      `${extensionClasses[name].program} ${verb}`,
      ...(inspection?.checks ?? []).map((check) => describeCheck(check)),
    ].join(', and before anyone sees it '),
  confirm: ({ check }) => describeCheck(check),
};

/** A step in words. @param extensions the search directory. */
export function describeStep(step: PlanStep, extensions: string): string {
  return isEffect(step) ? describeEffect(step) : describeOwn(step, extensions);
}

function describeOwn<K extends OwnStep['kind']>(step: StepOf<K> & { readonly kind: K }, extensions: string): string {
  return describers[step.kind](step, extensions);
}

function entryOf({ name, kind }: Pick<ImageOf, 'name' | 'kind'>): string {
  return basename(entryPath('/', name, kind));
}

function imageOf(agent: Agent, image: Omit<ImageOf, 'name'>): StoredImage {
  return recordedImage(agent.paths.store, image);
}

function before(agent: Agent, previous: ImageOf | undefined): StoredImage | undefined {
  return previous && imageOf(agent, previous);
}

/** What is in place again, or still, is left alone: a directory that is merged must not be taken from under it. */
async function restoreEntry(
  { exec, paths: { extensions } }: Agent,
  name: string,
  from: StoredImage | undefined,
  to: StoredImage | undefined,
): Promise<void> {
  const inPlace = to !== undefined && isActive(entryPath(extensions, name, to.kind), to);
  if (!inPlace) await replaceEntry(extensions, name, from, to, exec);
  else if (from !== undefined && from.kind !== to.kind) removeEntry(entryPath(extensions, name, from.kind));
}

function changedMeanwhile({ extension, from }: StepOf<'stage'>): AgentError {
  return new AgentError('io', `${from} changed while it was being installed`, {
    facts: [`sha256 ${extension.sha256} when it was looked at`],
    next: 'Try again when nobody writes to it.',
    retryable: true,
  });
}

/** @throws AgentError `invalid-image` where an image of the store is not what its name says. */
function verify(image: StoredImage, { name, source }: { readonly name: string; readonly source: string }): void {
  if (linkStatus(image.path) !== undefined && digestOf(image.path).sha256 === image.sha256) return;
  throw new AgentError('invalid-image', `the stored image of ${name} was damaged: ${image.path}`, {
    facts: [`it came from ${source}`],
    next: `Install ${name} again from where it came.`,
  });
}

/** With its mark in it from the beginning: what has none is not ours to remove. */
function makeMask(root: string, mask: Mask, reason: string): void {
  const path = belowRoot(root, mask.at);
  if (isMask(path)) return;
  const fresh = temporaryBeside(path);
  try {
    makeDirectory(fresh);
    writeAtomically(join(fresh, maskMark), `${reason}\n`);
    renameDurably(fresh, path);
  } finally {
    removeTree(fresh);
  }
}

/** What has no mark of ours is someone else's, and stays. */
function removeMask(root: string, mask: Mask): void {
  const path = belowRoot(root, mask.at);
  if (isMask(path)) removeEntry(path);
}

function isMask(path: string): boolean {
  return fileStatus(join(path, maskMark)) !== undefined;
}
