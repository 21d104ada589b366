import packageJson from '../../package.json' with { type: 'json' };
import { isAgentError } from '../core/errors.ts';
import { withoutSecrets } from '../core/secrets.ts';
import { readOsRelease } from '../systemd/host-release.ts';
import type { Agent } from './agent.ts';
import { configurationDirectories } from './configuration-directories.ts';
import { configurationNames } from './doctor-host.ts';
import type { Finding } from './doctor.ts';
import { fleetStatus } from './fleet/status.ts';
import { openHistory } from './history.ts';
import { overview } from './overview.ts';
import { renderProblem } from '../core/problems.ts';

/** How many of the last operations a report has. */
const operations = 15;

/**
 * What a report of a mistake needs, in one text that can be shown to others: files of the configuration by their names
 * only, commands and reasons not at all, and nothing that looks like a secret. What cannot be read is said.
 */
export async function bugReport(agent: Agent, findings: readonly Finding[]): Promise<string> {
  const { ID = '', VERSION_ID = '', VARIANT_ID = '' } = readOsRelease(agent.root);
  const sections: readonly (readonly [title: string, lines: readonly string[]])[] = [
    ['sysext-agent', [`version: ${packageJson.version}`, `os: ${[ID, VERSION_ID, VARIANT_ID].join(' ').trim()}`]],
    ['checks', findings.map(findingLine)],
    ['extensions', await orWhyNot(() => extensionLines(agent))],
    ['operations', await orWhyNot(() => Promise.resolve(operationLines(agent)))],
    ['drop-ins', await orWhyNot(() => dropInLines(agent))],
    ['files of the configuration', configurationNames(agent.root, configured)],
  ];
  const text = sections.flatMap(([title, lines]) => [`# ${title}`, ...(lines.length === 0 ? ['none'] : lines), '']);
  return withoutSecrets(text.join('\n')).trimEnd();
}

const configured = configurationDirectories.flatMap((directory) => [
  directory,
  ...['agent.d', 'extensions.d', 'targets.d'].map((name) => `${directory}/${name}`),
]);

function findingLine({ check, ok, sentence, next }: Finding): string {
  return `${ok ? 'ok' : 'problem'}: ${check}: ${sentence}${next === undefined ? '' : ` (${next})`}`;
}

async function extensionLines(agent: Agent): Promise<string[]> {
  const { extensions, drift, underWay } = await overview(agent);
  return [
    ...extensions.map(({ name, version, merged, ours, held, whyNot }) => {
      const words = [
        merged ? 'merged' : `not merged: ${whyNot ?? ''}`,
        ours ? 'ours' : 'foreign',
        ...(held ? ['held'] : []),
      ];
      return `${[name, version].join(' ').trim()}: ${words.join(', ')}`;
    }),
    ...drift.map(({ sentence }) => `drift: ${sentence}`),
    ...(underWay === undefined ? [] : ['an operation is under way']),
  ];
}

function operationLines({ paths }: Agent): string[] {
  using history = openHistory(paths.history, { writable: false });
  return history
    .operations(operations)
    .map(({ id, startedAt, verb, result, durationMs, systemd, error, extensions }) => {
      const changed = extensions
        .filter(({ change }) => change !== 'merged')
        .map(({ name, change }) => `${name} ${change}`);
      const took = durationMs === undefined ? '' : `, ${durationMs} ms`;
      const told = [`${id} ${startedAt.toISOString()} ${verb}: ${result}${took}, systemd ${systemd}`, ...changed];
      return [told.join(', '), ...(error === undefined ? [] : [error.replaceAll('\n', '\n    ')])].join('\n    ');
    });
}

async function dropInLines(agent: Agent): Promise<string[]> {
  const { problems, pending, failure } = await fleetStatus(agent, true);
  return [
    ...problems.map(({ position, field, message }) => `problem: ${renderProblem({ position, field, message })}`),
    ...pending,
    ...(failure === undefined ? [] : [`failed: ${failure}`]),
  ];
}

async function orWhyNot(lines: () => Promise<string[]>): Promise<string[]> {
  try {
    return await lines();
  } catch (error) {
    if (!isAgentError(error)) throw error;
    return [`cannot be read: ${error.message}`];
  }
}
