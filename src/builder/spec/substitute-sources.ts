import { fieldPath, itemPath } from '../../core/yaml/text.ts';
import type { Generator, ImageCommand, Mount, Source } from './sources.ts';
import type { Expander } from './expander.ts';

/** Expands a source, and what is inside of it. */
export function expandSource(expander: Expander, source: Source, field: string): Source {
  return {
    ...source,
    path: expander.optional(source.path, `${field}.path`),
    includes: expander.list(source.includes, `${field}.includes`),
    excludes: expander.list(source.excludes, `${field}.excludes`),
    generators: source.generators.map((generator, index) =>
      expandGenerator(expander, generator, itemPath(`${field}.generate`, index)),
    ),
    ...expandKind(expander, source, `${field}.${source.kind}`),
  } as Source;
}

function expandKind(expander: Expander, source: Source, field: string): Partial<Source> {
  switch (source.kind) {
    case 'http':
      return { url: expander.text(source.url, `${field}.url`) };
    case 'git':
      return {
        url: expander.text(source.url, `${field}.url`),
        commit: expander.text(source.commit, `${field}.commit`),
        checksum: expander.optional(source.checksum, `${field}.checksum`),
      };
    case 'context':
      return { name: expander.text(source.name, `${field}.name`) };
    case 'image':
      return {
        ref: expander.text(source.ref, `${field}.ref`),
        command: source.command === undefined ? undefined : expandCommand(expander, source.command, `${field}.cmd`),
      };
    case 'build':
      return {
        source: expandSource(expander, source.source, `${field}.source`),
        dockerfilePath: expander.optional(source.dockerfilePath, `${field}.dockerfile_path`),
        target: expander.optional(source.target, `${field}.target`),
      };
    case 'inline':
      return {};
  }
}

function expandCommand(expander: Expander, command: ImageCommand, field: string): ImageCommand {
  return {
    ...command,
    env: expander.map(command.env, `${field}.env`),
    mounts: expandMounts(expander, command.mounts, `${field}.mounts`),
    steps: command.steps.map((step, index) => ({
      ...step,
      env: expander.map(step.env, `${itemPath(`${field}.steps`, index)}.env`),
    })),
  };
}

export function expandMounts(expander: Expander, mounts: readonly Mount[], field: string): readonly Mount[] {
  return mounts.map(({ dest, spec }, index) => ({
    dest: expander.text(dest, `${itemPath(field, index)}.dest`),
    spec: expandSource(expander, spec, `${itemPath(field, index)}.spec`),
  }));
}

function expandGenerator(expander: Expander, generator: Generator, field: string): Generator {
  if (generator.kind !== 'gomod') return generator;
  return {
    ...generator,
    auth: generator.auth.map((auth) => ({
      ...auth,
      host: expander.text(auth.host, fieldPath(`${field}.gomod.auth`, auth.host.value)),
    })),
  };
}
