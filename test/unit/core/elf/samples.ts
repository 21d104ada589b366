/** Small ELF files, written field by field (elf(5)). */
export interface Sample {
  readonly bits: 32 | 64;
  readonly endian: 'little' | 'big';
  readonly machine?: number;
  readonly soname?: string;
  readonly needed?: readonly string[];
  readonly runpath?: string;
  readonly interpreter?: string;
}

/** A shared object with one segment that loads all of it, and a dynamic section. */
export function makeElf(sample: Sample): Buffer {
  const { bits, endian, machine = 62, soname, needed = [], runpath, interpreter } = sample;
  const isLittle = endian === 'little';
  const width = bits / 8;
  const bytes = Buffer.alloc(4096);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const put = (at: number, value: number, size = width): void => {
    if (size === 8) view.setBigUint64(at, BigInt(value), isLittle);
    else if (size === 4) view.setUint32(at, value, isLittle);
    else view.setUint16(at, value, isLittle);
  };
  bytes.set([0x7f, 0x45, 0x4c, 0x46, bits / 32, isLittle ? 1 : 2, 1]);
  put(16, 3, 2);
  put(18, machine, 2);
  const [header, size] = bits === 64 ? [64, 56] : [52, 32];
  put(bits === 64 ? 32 : 28, header);
  put(header - 10, size, 2);
  put(header - 8, interpreter === undefined ? 2 : 3, 2);
  const strings = 2048;
  let end = strings + 1;
  const text = (value: string): number => {
    const at = end;
    bytes.write(`${value}\0`, at);
    end += Buffer.byteLength(value) + 1;
    return at - strings;
  };
  const entries: [number, number][] = [
    ...needed.map((name): [number, number] => [1, text(name)]),
    ...(soname === undefined ? [] : [[14, text(soname)] as [number, number]]),
    ...(runpath === undefined ? [] : [[29, text(runpath)] as [number, number]]),
    [5, strings],
    [10, 2048],
    [0, 0],
  ];
  const segment = (index: number, type: number, offset: number, length: number): void => {
    const at = header + index * size;
    put(at, type, 4);
    for (const [place, value] of bits === 64
      ? [
          [8, offset],
          [16, offset],
          [32, length],
        ]
      : [
          [4, offset],
          [8, offset],
          [16, length],
        ])
      put(at + (place ?? 0), value ?? 0);
  };
  segment(0, 1, 0, bytes.length);
  segment(1, 2, 512, entries.length * 2 * width);
  if (interpreter !== undefined) segment(2, 3, strings + text(interpreter), interpreter.length + 1);
  for (const [index, [tag, value]] of entries.entries()) {
    put(512 + index * 2 * width, tag);
    put(512 + index * 2 * width + width, value);
  }
  return bytes;
}
