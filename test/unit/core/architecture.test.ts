import { describe, expect, test } from 'vitest';

import {
  architectureOfMachine,
  architectures,
  debianArchitecture,
  parseArchitecture,
} from '../../../src/core/architecture.ts';

describe('names of architectures', () => {
  test.each([
    ['amd64', 'x86-64'],
    ['x86_64', 'x86-64'],
    ['x86-64', 'x86-64'],
    ['386', 'x86'],
    ['i386', 'x86'],
    ['i686', 'x86'],
    ['aarch64', 'arm64'],
    ['armhf', 'arm'],
    ['armv7hl', 'arm'],
    ['ppc64el', 'ppc64-le'],
    ['ppc64le', 'ppc64-le'],
    ['loong64', 'loongarch64'],
    ['mips', undefined],
    ['', undefined],
    ['constructor', undefined],
  ])('%j is %s', (name, architecture) => {
    expect(parseArchitecture(name)).toBe(architecture);
  });

  test('each name that we write is one that we read', () => {
    for (const architecture of architectures) {
      expect(parseArchitecture(architecture)).toBe(architecture);
      expect(parseArchitecture(debianArchitecture(architecture) ?? architecture)).toBe(architecture);
    }
  });

  test('what the kernel says', () => {
    expect(architectureOfMachine('x86_64')).toBe('x86-64');
    expect(architectureOfMachine('armv7l')).toBe('arm');
    expect(architectureOfMachine('vax')).toBeUndefined();
  });

  test('what Debian says', () => {
    expect(debianArchitecture('x86-64')).toBe('amd64');
    expect(debianArchitecture('arm')).toBe('armhf');
  });
});
