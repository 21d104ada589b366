import { join } from 'node:path/posix';

import { buildDirectory, type MakingStep } from '../making/making-step.ts';
import { isFileSource, type Patch } from '../spec/sources.ts';
import type { Spec } from '../spec/spec.ts';
import { compareBytes } from '../tree/paths.ts';
import { wrongSource } from './missing.ts';

/**
 * One step for each patch: the sources in the order of their names, the patches of each in that of the spec. Patches are
 * files of the build, as Dalec has them, so that one can even change another.
 * @throws AgentError `invalid-spec` where a patch is for what is one file.
 */
export function patchSteps({ patches, sources }: Spec): readonly MakingStep[] {
  return [...patches.keys()].sort(compareBytes).flatMap((name) => {
    const list = patches.get(name) ?? [];
    const [first] = list;
    const source = sources.get(name);
    if (first !== undefined && (source === undefined || isFileSource(source)))
      throw wrongSource(name, first.position, 'patches', 'only the files of a directory can be patched');
    return list.map((patch) => patchStep(name, patch));
  });
}

function patchStep(name: string, { position, source, path, strip }: Patch): MakingStep {
  const file = join(source.value, path?.value ?? '');
  return {
    title: `patch ${file} of ${name}`,
    position,
    argv: ['patch', '-d', name, `-p${strip}`, '-s', '-i', join(buildDirectory, file)],
    directory: buildDirectory,
    environment: {},
    network: false,
    binds: [],
    caches: [],
    exports: {},
  };
}
