import { basename } from 'node:path';

import { AgentError } from '../core/errors.ts';
import { readText } from '../host/files.ts';
import type { BuildHost, BuildRequest } from './request.ts';
import { parseSpec } from './spec/parse.ts';
import type { Spec } from './spec/spec.ts';
import { sysextSettings } from './spec/sysext-settings.ts';
import { chooseTarget } from './targets/choose.ts';
import type { Target } from './targets/target.ts';
import { imageFileName, type ImageSettings } from './tree/settings.ts';

/** Everything that decides what an image is, but for its packages. */
export interface Order {
  readonly spec: Spec;
  readonly target: Target;
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
  const spec = parseSpec(readText(request.specPath), request.specPath);
  const target = chooseTarget(host, request.target);
  const { imageName, ...release } = sysextSettings(spec.name, target.sysextDefaults, request.buildArguments);
  const { architecture } = host;
  const { name } = spec;
  const [version, revision] = [spec.version.value, spec.revision.value];
  const named = { name, version, revision, target: target.name, architecture };
  const fileName = imageFileName(imageName === undefined ? named : { ...named, imageName });
  const sourceDateEpoch = epochOf(request.buildArguments['SOURCE_DATE_EPOCH']);
  const settings = {
    name,
    imageName: basename(fileName, '.raw'),
    architecture,
    ...release,
    ...(sourceDateEpoch === undefined ? {} : { sourceDateEpoch }),
  };
  return { spec, target, settings, fileName, version: `${version}-${revision === '' ? '1' : revision}` };
}

/** SOURCE_DATE_EPOCH in seconds since 1970 (reproducible-builds.org). */
function epochOf(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new AgentError('usage', `SOURCE_DATE_EPOCH must be a count of seconds since 1970, not ${text}`);
}
