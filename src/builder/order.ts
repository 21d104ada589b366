import { basename } from 'node:path';

import { AgentError } from '../core/errors.ts';
import type { Problem } from '../core/problems.ts';
import { inOrder } from '../core/yaml/document.ts';
import { readText } from '../host/files.ts';
import { prebuiltFor, type Prebuilt } from './artifacts/prebuilt.ts';
import type { BuildHost, BuildRequest } from './request.ts';
import { ruleProblems } from './spec/allowed-rules.ts';
import { parseSpec } from './spec/parse.ts';
import type { Spec } from './spec/spec.ts';
import { substitute } from './spec/substitute.ts';
import { sysextSettings } from './spec/sysext-settings.ts';
import { isMade, unbuildable } from './spec/unbuildable.ts';
import { chooseTarget } from './targets/choose.ts';
import type { Target } from './targets/target.ts';
import { imageFileName, type ImageSettings } from './tree/settings.ts';

/** Everything that decides what an image is, but for its packages. */
export interface Order {
  /** With its build arguments expanded for the target. */
  readonly spec: Spec;
  /** The text that it was read from. */
  readonly text: string;
  readonly target: Target;
  /** Where the spec's own package is, if it was made elsewhere. */
  readonly prebuilt: Prebuilt | undefined;
  /** Whether the files of the spec itself have to be made, rather than taken from its sources. */
  readonly isMade: boolean;
  readonly settings: ImageSettings;
  readonly fileName: string;
  /** Version and revision of the spec: `1.7-1`. */
  readonly version: string;
}

/**
 * Reads the spec of a request and settles its target and what the image will say of itself.
 * @throws AgentError `invalid-spec`, `invalid-config`, `usage`, `no-such-file`.
 */
export function placeOrder(host: BuildHost, request: BuildRequest): Order {
  const text = readText(request.specPath);
  const raw = parseSpec(text, request.specPath);
  const target = chooseTarget(host, request.target);
  const { buildArguments: given } = request;
  const { imageName, ...release } = sysextSettings(raw.name, target.sysextDefaults, given, raw.args.keys());
  const { architecture } = host;
  const prebuilt = prebuiltFor(target.name, request.contexts);
  const args = { given, target: target.name, architecture };
  const spec = buildableSpec(raw, text, request.specPath, args, prebuilt);
  if (prebuilt !== undefined)
    host.progress.step(`taking the packages of the build context ${prebuilt.context} for the own package of the spec`);
  const { name } = spec;
  const [version, revision] = [spec.version.value, spec.revision.value];
  const named = { name, version, revision, target: target.name, architecture };
  const fileName = imageFileName(imageName === undefined ? named : { ...named, imageName });
  const sourceDateEpoch = epochOf(given['SOURCE_DATE_EPOCH']);
  const settings = {
    name,
    imageName: basename(fileName, '.raw'),
    architecture,
    ...release,
    ...(sourceDateEpoch === undefined ? {} : { sourceDateEpoch }),
  };
  return {
    spec,
    text,
    target,
    prebuilt,
    isMade: prebuilt === undefined && isMade(spec, target.name),
    settings,
    fileName,
    version: `${version}-${revision === '' ? '1' : revision}`,
  };
}

/** The spec with its build arguments expanded, if it can be built. */
function buildableSpec(
  spec: Spec,
  text: string,
  specPath: string,
  args: Parameters<typeof substitute>[1] & { readonly target: string },
  prebuilt: Prebuilt | undefined,
): Spec {
  const expanded = substitute(spec, args);
  if (!expanded.ok) throw cannotBuild(specPath, expanded.problems, text);
  const problems = [
    ...unbuildable(expanded.value, args.target, prebuilt !== undefined),
    ...ruleProblems(expanded.value),
  ];
  if (problems.length > 0) throw cannotBuild(specPath, problems, text);
  return expanded.value;
}

function cannotBuild(path: string, problems: readonly Problem[], text: string): AgentError {
  const count = problems.length === 1 ? 'there is 1 problem' : `there are ${problems.length} problems`;
  return new AgentError('invalid-spec', `cannot build the spec ${path}: ${count}`, {
    problems: inOrder(problems, text),
    left: 'Nothing was built.',
  });
}

/** SOURCE_DATE_EPOCH in seconds since 1970 (reproducible-builds.org). */
function epochOf(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new AgentError('usage', `SOURCE_DATE_EPOCH must be a count of seconds since 1970, not ${text}`);
}
