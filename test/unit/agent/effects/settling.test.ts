import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import type { Agent } from '../../../../src/agent/agent.ts';
import {
  forgetSettlement,
  isSettlementOwed,
  noteSettlement,
  oweSettlement,
} from '../../../../src/agent/effects/settling.ts';
import { pathsBelow } from '../../../../src/agent/paths.ts';
import { unsettled } from '../../../../src/agent/recovery.ts';

let root: string;
let agent: Agent;

beforeEach(() => {
  root = mkdtempSync(`${tmpdir()}/settling-`);
  agent = { root: '/', paths: pathsBelow(root), bootId: 'one' } as Agent;
  mkdirSync(dirname(agent.paths.settlement), { recursive: true });
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

const reason = 'r';
const settlement = {
  before: [{ kind: 'stop', units: ['a.service'], withhold: [], reason }],
  after: [
    { kind: 'tmpfiles', files: ['a.conf'], reason },
    { kind: 'reload', withheld: [], reason },
  ],
} as const;
const history = (result: 'done' | 'running') => ({ operations: () => [{ result } as never] });

test('what a change noted is forgotten with it', () => {
  noteSettlement(agent, settlement);
  expect(unsettled(agent, history('running'))).toBe('all');

  forgetSettlement(agent);

  expect(existsSync(agent.paths.settlement)).toBe(false);
  expect(unsettled(agent, history('done'))).toBeUndefined();
});

test('what a boot leaves is owed, without the units, until somebody settles it', () => {
  noteSettlement(agent, settlement);

  oweSettlement({ ...agent, bootId: 'two' });
  forgetSettlement(agent);

  expect(isSettlementOwed(agent)).toBe(true);
  expect(unsettled(agent, history('done'))).toBe('owed');
  expect(JSON.parse(readFileSync(agent.paths.settlement, 'utf8'))).toMatchObject({
    before: [],
    after: [{ kind: 'tmpfiles' }],
  });
});

test('a boot that finds nothing around a merge owes nothing', () => {
  noteSettlement(agent, { before: settlement.before, after: [] });

  oweSettlement(agent);

  expect(existsSync(agent.paths.settlement)).toBe(false);
});
