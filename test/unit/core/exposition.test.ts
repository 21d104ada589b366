import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { exposition, type MetricFamily } from '../../../src/core/exposition.ts';
import { samplesIn } from '../../support/exposition.ts';

const gauge = (name: string, samples: MetricFamily['samples'], help = 'Help.'): MetricFamily => ({
  name,
  type: 'gauge',
  help,
  samples,
});

describe('the text for Prometheus', () => {
  test('has help, type and a line for each sample', () => {
    const text = exposition([
      gauge('a_bytes', [{ value: 5 }]),
      {
        name: 'b_total',
        type: 'counter',
        help: 'Two\nlines \\ of "help".',
        samples: [
          { labels: { op: 'x', result: 'done' }, value: 1 },
          { labels: { op: 'y', result: 'done' }, value: 0.25 },
        ],
      },
    ]);

    expect(text).toBe(`# HELP a_bytes Help.
# TYPE a_bytes gauge
a_bytes 5
# HELP b_total Two\\nlines \\\\ of "help".
# TYPE b_total counter
b_total{op="x",result="done"} 1
b_total{op="y",result="done"} 0.25
`);
  });

  test('leaves out what is not known', () => {
    expect(exposition([gauge('nothing', [])])).toBe('');
  });

  test('has numbers that are none as Prometheus spells them', () => {
    const text = exposition([gauge('odd', [{ value: NaN }, { labels: { x: '' }, value: Infinity }])]);

    expect(text).toContain('odd NaN\nodd{x=""} +Inf\n');
  });

  test('gives back every label, whatever is in it, by the rules of the format', () => {
    const samples = fc.uniqueArray(
      fc.record({ labels: fc.record({ name: fc.string({ unit: 'binary' }) }), value: fc.double({ noNaN: true }) }),
      { selector: ({ labels }) => labels.name.toWellFormed(), minLength: 1 },
    );

    fc.assert(
      fc.property(samples, fc.string({ unit: 'binary' }), (some, help) => {
        const read = samplesIn(exposition([gauge('any', some, help)]));
        expect(read).toEqual(
          some.map(({ labels, value }) => ({
            name: 'any',
            labels: { name: labels.name.toWellFormed() },
            // It has one zero.
            value: value + 0,
          })),
        );
      }),
    );
  });
});
