import { parseArgs } from 'node:util';

import { usualScenario, type Scenario } from './simulation.ts';

const names = Object.keys(usualScenario) as (keyof Scenario)[];

/**
 * The scenario that a command line asks for: `--window-spread=60` and the like, each a number of `Scenario`.
 * @throws RangeError, TypeError for what is none.
 */
export function scenarioOf(args: readonly string[]): Scenario {
  const options = Object.fromEntries(names.map((name) => [optionOf(name), { type: 'string' as const }]));
  const { values } = parseArgs({ args: [...args], options });
  const given = names.map((name) => {
    const text = values[optionOf(name)];
    return typeof text === 'string' ? valueOf(name, text) : {};
  });
  return given.reduce<Scenario>((scenario, value) => ({ ...scenario, ...value }), usualScenario);
}

function optionOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function valueOf(name: keyof Scenario, text: string): Partial<Scenario> {
  if (name === 'waves') return { waves: text.split(',').map((share) => numberOf(name, share)) };
  if (name !== 'signed') return { [name]: numberOf(name, text) };
  if (text === 'index' || text === 'all') return { signed: text };
  throw new RangeError('--signed takes index or all');
}

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= 0) return value;
  throw new RangeError(`--${optionOf(name)} takes a number that is not negative`);
}
