import type { HostRelease } from '../core/compatibility.ts';
import { parseReleaseFields } from '../core/os-release.ts';
import { readText } from '../host/files.ts';
import { readHostRelease } from '../systemd/host-release.ts';
import type { Agent } from './agent.ts';

/**
 * The system that an os-release file describes; in everything else it is taken to be like this one.
 * @throws AgentError `no-such-file`, `io` where it cannot be read.
 */
export async function describedSystem(agent: Agent, osRelease: string): Promise<HostRelease> {
  return systemOf(agent, readText(osRelease));
}

/** The system that the text of an os-release file describes. */
export async function systemOf(agent: Agent, osRelease: string): Promise<HostRelease> {
  const { version } = await agent.tool.features();
  const here = readHostRelease(agent.root, version);
  return { ...here, title: 'that system', fields: parseReleaseFields(osRelease) };
}
