import { AgentError, exitCodes } from '../../core/errors.ts';
import { parseReleaseFields } from '../../core/os-release.ts';
import { readText } from '../../host/files.ts';
import { common, type CommandSpec } from '../command.ts';
import { show } from '../output.ts';
import { agentFor } from '../session.ts';

const why = {
  any: 'it says it is for any system (ID=_any)',
  rolling: 'this system has no version, and the ID is the same',
  match: 'the release fields are those of this system',
} as const;

export const checkCommand: CommandSpec = {
  name: 'check',
  arguments: '<image>',
  summary: 'say whether systemd would merge an image on this host, and why',
  description:
    'Applies the rules of systemd-sysext to the extension-release file of the image. Exits with 5 where it does not fit.',
  options: [
    common.root,
    { flags: '--os-release <file>', description: 'compare with the system that this file describes' },
    { flags: '--name <name>', description: 'the name the extension is to have' },
    common.json,
  ],
  examples: [
    ['sysext-agent check jq.raw', 'for this host'],
    ['sysext-agent check jq.raw --os-release=other-host/os-release', 'for another'],
  ],
  run: async (invocation) => {
    const { args, options, terminal } = invocation;
    const { admit, fitOf, readCandidate } = await import('../../agent/candidate.ts');
    const { readHostRelease } = await import('../../systemd/host-release.ts');
    const agent = await agentFor(options);
    const { version } = await agent.tool.features();
    const [path = ''] = args;
    const name = options.text('name');
    const candidate = await readCandidate(
      { path, source: path, ...(name === undefined ? {} : { name }) },
      version,
      agent.exec,
    );
    const osRelease = options.text('osRelease');
    const host = readHostRelease(agent.root, version);
    const compared = osRelease === undefined ? host : { ...host, fields: parseReleaseFields(readText(osRelease)) };
    try {
      admit(candidate, compared);
    } catch (error) {
      if (error instanceof AgentError && options.text('json') === undefined && !options.flag('json')) throw error;
      if (!(error instanceof AgentError)) throw error;
      const fit = fitOf(candidate, compared);
      show(
        invocation,
        {
          name: candidate.name,
          version: candidate.version,
          fits: false,
          error: error.message,
          ...(fit.fits ? {} : { why: fit.why }),
        },
        () => [],
      );
      terminal.note(error.message);
      return error.exitCode;
    }
    const fit = fitOf(candidate, compared);
    const reason = fit.fits ? why[fit.why] : '';
    show(invocation, { name: candidate.name, version: candidate.version, fits: true, why: reason }, () => [
      `${candidate.name} ${candidate.version} fits: ${reason}`,
    ]);
    return exitCodes.ok;
  },
};
