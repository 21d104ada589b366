import { AgentError } from '../../core/errors.ts';
import type { ReleaseFields } from '../../core/os-release.ts';
import type { Progress } from '../../host/progress.ts';
import { readHostSources, withHostMirrors } from './host-sources.ts';
import { loadTarget, loadTargets } from './load.ts';
import { targetFor, type Target } from './target.ts';

export interface ChoiceHost {
  readonly targetDirectories: readonly string[];
  readonly root: string;
  readonly osRelease: ReleaseFields;
  readonly progress: Progress;
}

/**
 * The target to build from, with the mirrors that this host's apt uses: the one of that name, else the one that is
 * this host's own system, which is said aloud.
 * @throws AgentError `usage` with the targets there are, where none has that name or none is this host's.
 */
export function chooseTarget(host: ChoiceHost, name: string | undefined): Target {
  const { targetDirectories, osRelease, progress } = host;
  const target =
    name === undefined ? targetFor(osRelease, loadTargets(targetDirectories)) : loadTarget(targetDirectories, name);
  if (target === undefined) throw noTarget(host, name, loadTargets(targetDirectories));
  if (name === undefined) progress.step(`target: ${target.name} (${target.description}), as this host is`);
  return withHostMirrors(target, osRelease, readHostSources(host.root));
}

function noTarget({ osRelease }: ChoiceHost, name: string | undefined, targets: readonly Target[]): AgentError {
  const system = osRelease['PRETTY_NAME'] ?? osRelease['ID'] ?? 'an unknown system';
  const message = name === undefined ? `no target is the one of this host (${system})` : `there is no target ${name}`;
  const width = Math.max(...targets.map((target) => target.name.length));
  return new AgentError('usage', message, {
    facts: targets.map((target) => `${target.name.padEnd(width)}  ${target.description}`),
    next: 'Choose one of them with --target=NAME, or describe another in /etc/sysext-agent/targets.d/NAME.yml.',
  });
}
