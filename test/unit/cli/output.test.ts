import { describe, expect, test } from 'vitest';

import { formatSize, formatTime, tableLines } from '../../../src/cli/output.ts';
import { renderBar, renderTransfer, transferMeter } from '../../../src/cli/progress.ts';
import { visible } from '../../../src/cli/terminal.ts';

test.each([
  [undefined, '-'],
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1_400_000, '1.3 MiB'],
  [5 * 1024 ** 4, '5.0 TiB'],
])('%s bytes are %s', (bytes, text) => {
  expect(formatSize(bytes)).toBe(text);
});

test('times are printed as systemd does', () => {
  expect(formatTime(new Date('2026-11-21T23:50:12.700Z'))).toBe('Sat 2026-11-21 23:50:12 UTC');
});

describe('tables', () => {
  const table = {
    headings: ['NAME', 'SIZE'],
    rows: [
      ['jq', '1.0 MiB'],
      ['a-long-name', '-'],
    ],
  };

  test('align their columns and end no line in blanks', () => {
    expect(tableLines(table, true)).toEqual(['NAME         SIZE', 'jq           1.0 MiB', 'a-long-name  -']);
  });

  test('leave out the headings where asked', () => {
    expect(tableLines(table, false)).toEqual(['jq           1.0 MiB', 'a-long-name  -']);
  });
});

describe('the progress bar', () => {
  test('shows share, bytes, rate and the time that is left', () => {
    const bar = renderBar({ expected: 4 * 1024 ** 2, received: 1024 ** 2, found: 0, elapsedMs: 1000 }, 100);

    expect(bar).toBe('[==========                              ]  25%  1.0 MiB of 4.0 MiB  1.0 MiB/s  0:03 left');
  });

  test('leaves out the bar on a narrow terminal', () => {
    expect(renderBar({ expected: 100, received: 0, found: 0, elapsedMs: 0 }, 20)).toBe(
      '  0%  0 B of 100 B  0 B/s  -:-- left',
    );
  });
});

test('a meter takes what is fetched at the same time as one transfer, and what comes later as another', () => {
  let now = 1000;
  const meter = transferMeter(() => now);
  meter.expect(10);
  meter.expect(20);
  now += 500;
  meter.advance(15);
  expect(meter.now()).toEqual({ expected: 30, received: 15, found: 0, elapsedMs: 500 });
  meter.advance(15);
  now += 500;
  meter.expect(5);
  expect(meter.now()).toEqual({ expected: 5, received: 0, found: 0, elapsedMs: 0 });
});

test('what was here before counts as received, and not for the rate', () => {
  let now = 0;
  const meter = transferMeter(() => now);
  meter.expect(4 * 1024 ** 2);
  meter.found(2 * 1024 ** 2);
  now = 1000;
  meter.advance(1024 ** 2);
  expect(renderTransfer(meter.now())).toBe(' 75%  3.0 MiB of 4.0 MiB  1.0 MiB/s  0:01 left');
});

test('what a terminal would act on is shown as an escape', () => {
  expect(visible('a\u001b[2Jb\u009b\tc\nd\r')).toBe('a\\x1b[2Jb\\x9b\tc\nd\\x0d');
});
