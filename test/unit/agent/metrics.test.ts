import { describe, expect, test } from 'vitest';

import { metricFamilies, type MetricFacts } from '../../../src/agent/metrics.ts';
import { parseFailures } from '../../../src/agent/verify-failures.ts';
import { exposition } from '../../../src/core/exposition.ts';
import { samplesIn } from '../../support/exposition.ts';

const now = new Date('2026-01-02T03:04:05Z');

const nothing: MetricFacts = {
  version: '1.2.3',
  systemd: '257.0',
  extensions: [],
  desired: 0,
  generation: 0,
  holds: [],
  tally: { counts: [], latest: [], rolledBack: 0 },
  storeBytes: 0,
  updates: [],
  verifyFailures: parseFailures(''),
  problems: 0,
  now,
};

const facts: MetricFacts = {
  ...nothing,
  extensions: [
    { name: 'a', version: '1~"odd"', state: 'merged' },
    { name: 'b', version: '', state: 'ignored' },
    { name: 'c', version: '3', state: 'quarantined' },
  ],
  desired: 3,
  generation: 7,
  holds: [{ name: 'a' }],
  tally: {
    counts: [
      { verb: 'install', result: 'done', count: 4 },
      { verb: 'install', result: 'failed', count: 1 },
      { verb: 'rollback', result: 'done', count: 2 },
    ],
    latest: [
      { id: 5, verb: 'install', result: 'done', durationMs: 1500, endedAt: new Date('2026-01-02T03:00:00Z') },
      { id: 6, verb: 'install', result: 'failed', durationMs: 250, endedAt: new Date('2026-01-02T03:04:15Z') },
    ],
    rolledBack: 3,
    mergeMs: 120,
  },
  storeBytes: 4096,
  updates: ['a'],
  verifyFailures: parseFailures('signature 4\ndigest 1\n'),
  problems: 2,
};

/** The values of a metric, by their labels. */
function read(of: MetricFacts, name: string): Record<string, number> {
  const samples = samplesIn(exposition(metricFamilies(of))).filter((sample) => sample.name === `sysext_agent_${name}`);
  return Object.fromEntries(samples.map(({ labels, value }) => [Object.values(labels).join(' '), value]));
}

describe('the numbers of a host', () => {
  test('count extensions by what they are at', () => {
    expect(read(facts, 'extension_info')).toEqual({ 'a 1~"odd" merged': 1, 'b  ignored': 1, 'c 3 quarantined': 1 });
    expect(read(facts, 'extensions_merged')).toEqual({ '': 1 });
    expect(read(facts, 'extensions_ignored')).toEqual({ '': 1 });
    expect(read(facts, 'extensions_quarantined')).toEqual({ '': 1 });
    expect(read(facts, 'extensions_desired')).toEqual({ '': 3 });
    expect(read(facts, 'generation')).toEqual({ '': 7 });
    expect(read(facts, 'hold')).toEqual({ a: 1 });
  });

  test('tell of operations: all of them, the last that went well, the last at all', () => {
    expect(read(facts, 'operations_total')).toEqual({ 'install done': 4, 'install failed': 1, 'rollback done': 2 });
    expect(read(facts, 'last_success_timestamp_seconds')).toEqual({ install: Date.UTC(2026, 0, 2, 3) / 1000 });
    expect(read(facts, 'operation_duration_seconds')).toEqual({ install: 0.25 });
    expect(read(facts, 'rollbacks_total')).toEqual({ health: 3, request: 2 });
    expect(read(facts, 'refresh_window_seconds')).toEqual({ '': 0.12 });
  });

  test('tell of versions that wait, and of what could not be verified', () => {
    expect(read(facts, 'update_available')).toEqual({ a: 1 });
    expect(read(facts, 'verify_failures_total')).toEqual({
      signature: 4,
      digest: 1,
      untrusted: 0,
      outdated: 0,
      malformed: 0,
    });
  });

  test('tell of a clock that was set back', () => {
    expect(read(facts, 'clock_skew_seconds')).toEqual({ '': 10 });
    expect(read({ ...facts, now: new Date('2026-01-03') }, 'clock_skew_seconds')).toEqual({ '': 0 });
  });

  test('of a host where nothing was done are all zero', () => {
    const samples = samplesIn(exposition(metricFamilies(nothing)));

    expect(samples.filter(({ value }) => value !== 0)).toEqual([
      { name: 'sysext_agent_build_info', labels: { version: '1.2.3', systemd: '257.0' }, value: 1 },
    ]);
    expect(samples.length).toBeGreaterThan(8);
  });
});
