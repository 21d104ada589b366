import type { Period, Simulated } from './simulation.ts';
import type { Load } from './traffic.ts';

/** What a simulation came to, in lines. */
export function report(simulated: Simulated): string[] {
  const { quiet, rollout, slots, end } = simulated;
  return [
    ...moveLines(simulated),
    '',
    ...loadLines('a quiet day', simulated, quiet),
    '',
    ...loadLines('the rollout', simulated, rollout),
    '',
    `FleetLock: ${count(slots.asked)} asked for a slot, ${count(slots.refused)} were refused, ${slots.taken} never given back`,
    `in the end: ${Object.entries(end)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([version, hosts]) => `${version} on ${count(hosts)}`)
      .join(', ')}`,
  ];
}

function moveLines({ moves, changes }: Simulated): string[] {
  const rows = moves.map(({ time, what, wave, version }, index) => {
    const until = moves[index + 1]?.time ?? Infinity;
    const ended = changes.filter((change) => change.end >= time && change.end < until);
    const withOutcome = (outcome: string) => count(ended.filter((change) => change.outcome === outcome).length);
    const last = ended.at(-1);
    return [
      clock(time),
      what === 'wave' ? `${version} to wave ${wave + 1}` : `stop: ${version} again`,
      withOutcome('well'),
      withOutcome('rolled-back'),
      withOutcome('lost'),
      last === undefined ? '-' : clock(last.end),
    ];
  });
  return table([['', 'the tool writes', 'changed', 'rolled back', 'lost', 'last change'], ...rows]);
}

function loadLines(title: string, { registry }: Simulated, { begin, end }: Period): string[] {
  const busiest = registry.caches
    .map((cache) => cache.between(begin, end))
    .reduce((most, load) => (load.peakRequests > most.peakRequests ? load : most));
  const loads = [registry.alone.between(begin, end), registry.behindCaches.between(begin, end), busiest];
  const row = (name: string, cell: (load: Load) => string) => [name, ...loads.map(cell)];
  return table([
    [title, 'registry alone', 'behind caches', 'busiest cache'],
    row('requests', ({ requests }) => count(requests)),
    row('a second, in the busiest hour', ({ hourlyRequests }) => hourlyRequests.toFixed(1)),
    row('in the busiest second', ({ peakRequests }) => count(peakRequests)),
    row('images, GiB', ({ bytes }) => (bytes / 1024 ** 3).toFixed(1)),
    row('Gbit/s in the busiest second', ({ peakBytes }) => ((peakBytes * 8) / 1e9).toFixed(2)),
  ]);
}

function clock(time: number): string {
  const date = new Date(time);
  const weekday = date.toLocaleDateString('en', { weekday: 'short', timeZone: 'UTC' });
  return `${weekday} ${date.toISOString().slice(11, 16)}`;
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en');
}

/** The first two columns of words to the left, numbers to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const isNumber = (column: number) => rows.slice(1).every((row) => /^[\d.,-]+$/.test(row[column] ?? ''));
  return rows.map((row) =>
    row
      .map((cell, column) => (isNumber(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}
