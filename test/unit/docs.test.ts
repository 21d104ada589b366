import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { actionOf, jobInterface, managerInterface, serviceName } from '../../src/agent/daemon/api/definition.ts';
import { metricFamilies } from '../../src/agent/metrics.ts';
import { parseFailures } from '../../src/agent/verify-failures.ts';
import type { CommandSpec } from '../../src/cli/command.ts';
import { allRules } from '../../src/core/contents/allow.ts';
import { exitCodeOf, exitCodes } from '../../src/core/errors.ts';
import { messages, type Message } from '../../src/core/messages.ts';
import { signatureOf, type InterfaceDefinition } from '../../src/systemd/bus/definition.ts';

const top = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(top, path), 'utf8');

/** The cells of the table that follows a heading, without its head. */
function tableBelow(text: string, heading: string): string[][] {
  const [, section = ''] = text.split(`\n## ${heading}\n`);
  const [, ...rows] = section
    .split('\n## ', 1)
    .join('')
    .split('\n')
    .filter((line) => line.startsWith('|'));
  return rows.slice(1).map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

function isCommand(value: unknown): value is CommandSpec {
  return typeof value === 'object' && value !== null && 'name' in value && 'summary' in value && 'run' in value;
}

const commandFiles = globSync('src/cli/commands/*.ts', { cwd: top });

/** Every command that a file in src/cli/commands exports. */
async function allCommands(): Promise<CommandSpec[]> {
  const modules = await Promise.all(
    commandFiles.map((file) => import(join(top, file)) as Promise<Record<string, unknown>>),
  );
  return modules.flatMap((module) => Object.values(module).flat()).filter(isCommand);
}

const commands = await allCommands();

describe('docs/exit-codes.md', () => {
  const text = read('docs/exit-codes.md');

  test('has every exit code and no other', () => {
    const documented = tableBelow(text, 'Exit codes').map(([code = '', name = '']) => [name, Number(code)]);

    expect(Object.fromEntries(documented)).toEqual(exitCodes);
  });

  test('has every error, in order, with the exit code that it ends with', () => {
    const documented = tableBelow(text, 'Errors').map(([error = '', code = '']) => [
      error.replaceAll('`', ''),
      Number(code),
    ]);

    expect(documented).toEqual(Object.entries(exitCodeOf));
  });
});

test('docs/contents.md has every rule about contents, in order, with its severity', () => {
  const documented = tableBelow(read('docs/contents.md'), 'Rules').map(([rule = '', severity, allowable]) => [
    rule.replaceAll('`', ''),
    severity,
    allowable,
  ]);

  expect(documented).toEqual(allRules.map(({ id, severity, allowable }) => [id, severity, allowable ? 'yes' : 'no']));
});

test('docs/daemon.md has every message of the service, in order, with its id and its priority', () => {
  const documented = tableBelow(read('docs/daemon.md'), 'Messages').map(([id = '', priority, message, mark]) => [
    id.replaceAll('`', ''),
    priority,
    message,
    mark === '✓',
  ]);
  const all: readonly Message[] = Object.values(messages);

  expect(documented).toEqual(
    all.map(({ id, priority, text, explanation }) => [id, priority, text, explanation !== undefined]),
  );
});

test.each([
  ['Manager', managerInterface],
  ['Job', jobInterface],
] as const)('docs/dbus.md has every member of the interface %s, in order, with its types', (heading, definition) => {
  const documented = tableBelow(read('docs/dbus.md'), heading).map(([member = '', kind, types = '']) => [
    member.replaceAll('`', ''),
    kind,
    types.replaceAll('`', ''),
  ]);
  const { methods, properties, signals } = definition as InterfaceDefinition;

  expect(documented).toEqual([
    ...Object.entries(methods).map(([name, { takes, gives }]) => {
      const results = gives.length === 0 ? '' : `→ ${signatureOf(gives)}`;
      return [name, 'method', [signatureOf(takes), results].join(' ').trim()];
    }),
    ...Object.entries(properties).map(([name, type]) => [name, 'property', type]),
    ...Object.entries(signals).map(([name, parts]) => [name, 'signal', signatureOf(parts)]),
  ]);
});

test('docs/metrics.md has every metric, in order, with its type', () => {
  const documented = tableBelow(read('docs/metrics.md'), 'Metrics').map(([name = '', type]) => [
    name.replaceAll('`', ''),
    type,
  ]);
  const none = { counts: [], latest: [], rolledBack: 0 };
  const host = { version: '', systemd: '', extensions: [], desired: 0, generation: 0, holds: [], tally: none };
  const families = metricFamilies({
    ...host,
    storeBytes: 0,
    updates: [],
    verifyFailures: parseFailures(''),
    problems: 0,
    now: new Date(0),
  });

  expect(documented).toEqual(families.map(({ name, type }) => [name, type]));
});

test('docs/dbus.md and the policy of polkit have every action', () => {
  const documented = tableBelow(read('docs/dbus.md'), 'Who may do what').map(([id = '']) => id.replaceAll('`', ''));
  const policy = read('packaging/polkit/io.github.SysextAgent1.policy');
  const actions = [...new Set(Object.values(actionOf)), 'cancel'].map((action) => `${serviceName}.${action}`);

  expect(documented).toEqual(actions);
  expect(Array.from(policy.matchAll(/<action id="(.*)">/g), ([, id]) => id)).toEqual(actions);
});

describe('the command', () => {
  const manual = read('docs/man/sysext-agent.1');
  const table = tableBelow(read('README.md'), 'Commands')
    .map(([command = '']) => command)
    .join('\n');

  test('files are all imported by main.ts', () => {
    const main = read('src/cli/main.ts');

    expect(commandFiles.length).toBeGreaterThan(5);
    expect(commandFiles.filter((file) => !main.includes(`from './commands/${basename(file)}'`))).toEqual([]);
  });

  test.each(commands.map((command) => [command.name, command] as const))(
    '%s is in README.md and in the man page, with its options',
    (name, { options }) => {
      const longOptions = options.map(({ flags }) => /--([a-z0-9-]+)/.exec(flags)?.[1] ?? '');

      expect(table).toMatch(new RegExp(`\`${name}[ \`]`));
      expect(manual).toMatch(new RegExp(`^\\.It Cm ${name}( |$)`, 'm'));
      expect(longOptions.filter((option) => !new RegExp(`^\\.It .*Fl .*-${option}( |$)`, 'm').test(manual))).toEqual(
        [],
      );
    },
  );
});

test('the man page has no option that no command has', () => {
  const documented = Array.from(
    read('docs/man/sysext-agent.1').matchAll(/^\.It Fl -([a-z0-9-]+)/gm),
    ([, name]) => name,
  );
  const existing = commands.flatMap(({ options }) => options.map(({ flags }) => /--([a-z0-9-]+)/.exec(flags)?.[1]));

  expect(documented.filter((name) => !existing.includes(name))).toEqual([]);
});

test('the man page has every exit code', () => {
  const [, section = ''] = read('docs/man/sysext-agent.1').split('.Sh EXIT STATUS');
  const documented = Array.from(
    section
      .split('.Sh ', 1)
      .join('')
      .matchAll(/^\.It (\d+)$/gm),
    ([, code]) => Number(code),
  );

  expect(documented).toEqual(Object.values(exitCodes));
});

describe('links between documents', () => {
  const documents = globSync(['*.md', 'docs/*.md', 'test/**/*.md'], { cwd: top });

  test.each(documents)('of %s lead somewhere', (document) => {
    const targets = Array.from(read(document).matchAll(/\]\(([^)#]+)[^)]*\)/g), ([, target = '']) => target);
    const local = targets.filter((target) => !/^[a-z]+:/.test(target));

    expect(local.filter((target) => !existsSync(join(top, dirname(document), target)))).toEqual([]);
  });
});
