import { expect, test } from 'vitest';

import { systemCallFilter } from '../../../../src/builder/sandbox/filter.ts';

/** Runs the filter as the kernel does, on a call with one argument. */
function answer(
  processor: string,
  network: boolean,
  call: { audit: number; number: number; argument?: number },
): number {
  const filter = systemCallFilter(processor, network) ?? Buffer.alloc(0);
  const data: Record<number, number> = { 0: call.number, 4: call.audit, 16: call.argument ?? 0 };
  let value = 0;
  for (let at = 0; at * 8 < filter.length; at++) {
    const [code, constant] = [filter.readUInt16LE(at * 8), filter.readUInt32LE(at * 8 + 4)];
    if (code === 0x06) return constant;
    if (code === 0x20) value = data[constant] ?? 0;
    else {
      const holds =
        code === 0x15 ? value === constant : code === 0x45 ? (value & constant) !== 0 : value >>> 0 >= constant;
      at += filter.readUInt8(at * 8 + (holds ? 2 : 3));
    }
  }
  throw new Error('the filter has no end');
}

const allowed = 0x7fff0000;
const [eperm, enosys, noFamily] = [0x50001, 0x50026, 0x50061];
const x64 = {
  processor: 'x64',
  audit: 0xc000003e,
  numbers: { write: 1, mount: 165, keyctl: 250, clone: 56, socket: 41 },
};
const arm64 = {
  processor: 'arm64',
  audit: 0xc00000b7,
  numbers: { write: 64, mount: 40, keyctl: 219, clone: 220, socket: 198 },
};

test.each([x64, arm64])(
  '$processor: what needs no rights is allowed, the rest is refused',
  ({ processor, audit, numbers }) => {
    const ask = (number: number, argument = 0, network = false) =>
      answer(processor, network, { audit, number, argument });

    expect(ask(numbers.write)).toBe(allowed);
    expect(ask(numbers.mount)).toBe(eperm);
    expect(ask(numbers.keyctl)).toBe(eperm);
    expect(ask(numbers.clone, 0x11)).toBe(allowed);
    expect(ask(numbers.clone, 0x10000011)).toBe(eperm);
    expect(ask(435)).toBe(enosys);
    expect(ask(numbers.socket, 1)).toBe(allowed);
    expect(ask(numbers.socket, 1, true)).toBe(noFamily);
    expect(ask(numbers.socket, 2, true)).toBe(allowed);
    expect(ask(numbers.socket, 38)).toBe(noFamily);
  },
);

test('calls of another architecture are not there', () => {
  expect(answer('x64', false, { audit: 0x40000003, number: 4 })).toBe(enosys);
  expect(answer('x64', false, { audit: x64.audit, number: 0x40000001 })).toBe(enosys);
});

test('there is none for a processor whose numbers are not known', () => {
  expect(systemCallFilter('s390x', false)).toBeUndefined();
});
