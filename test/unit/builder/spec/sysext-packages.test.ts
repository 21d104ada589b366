import { describe, expect, test } from 'vitest';

import { parseSpec } from '../../../../src/builder/spec/parse.ts';
import { sysextPackages } from '../../../../src/builder/spec/sysext-packages.ts';
import type { Architecture } from '../../../../src/core/architecture.ts';

const spec = parseSpec(
  `
name: a
version: 1.2.3
dependencies:
  runtime: [never]
  sysext:
    zsh: {version: [">= 3", "< 99"]}
    jq: {arch: [amd64]}
    qemu: {arch: [x86_64, aarch64]}
targets:
  trixie: {dependencies: {sysext: [zstd, jq]}}
  noble: {dependencies: {build: [make]}}
  forky: {dependencies: {sysext: {}}}
`,
  'a.yml',
);

function names(target: string, architecture: Architecture): readonly string[] {
  return sysextPackages(spec, target, architecture).map(({ name }) => name);
}

describe('the packages of an extension', () => {
  test('are what the spec lists, with its constraints and places', () => {
    expect(sysextPackages(spec, 'bookworm', 'riscv64')).toEqual([
      {
        name: 'zsh',
        constraints: [
          { relation: '>=', version: '3' },
          { relation: '<<', version: '99' },
        ],
        position: { file: 'a.yml', line: 7, column: 10 },
      },
    ]);
  });

  test('are those for the architecture', () => {
    expect(names('bookworm', 'x86-64')).toEqual(['jq', 'qemu', 'zsh']);
    expect(names('bookworm', 'arm64')).toEqual(['qemu', 'zsh']);
    expect(names('bookworm', 'x86')).toEqual(['zsh']);
  });

  test('are those of the target if it lists any, also beside its other dependencies', () => {
    expect(names('trixie', 'x86')).toEqual(['jq', 'zstd']);
    expect(names('noble', 'x86-64')).toEqual(['jq', 'qemu', 'zsh']);
    expect(names('forky', 'x86-64')).toEqual(['jq', 'qemu', 'zsh']);
  });

  test('may be none', () => {
    expect(sysextPackages(parseSpec('{name: a, version: b}', 'a.yml'), 'trixie', 'arm')).toEqual([]);
  });
});
