/** Settings of the section `[Unit]` by which a unit brings others with it. */
const pulling = { Upholds: 'upholds', Wants: 'wants', Requires: 'requires', BindsTo: 'requires' } as const;

/** A unit that another one brings with it; one that is upheld is started again whenever it is not up. */
export interface Pulled {
  readonly unit: string;
  readonly how: 'upholds' | 'wants' | 'requires';
}

/** The units that a unit file or drop-in pulls in (systemd.unit(5)), whatever their names look like. */
export function pulledIn(text: string): Pulled[] {
  const pulled: Pulled[] = [];
  let section = '';
  for (const line of text.replace(/\\\r?\n/g, ' ').split(/\r?\n/)) {
    section = /^\s*\[([^\]]*)\]\s*$/.exec(line)?.[1] ?? section;
    const [, key = '', value = ''] = /^\s*([A-Za-z]+)\s*=\s*(.*)$/.exec(line) ?? [];
    if (section !== 'Unit' || !isPulling(key)) continue;
    for (const unit of value.split(/\s+/)) if (unit !== '') pulled.push({ unit, how: pulling[key] });
  }
  return pulled;
}

function isPulling(key: string): key is keyof typeof pulling {
  return Object.hasOwn(pulling, key);
}
