import { execFileSync } from 'node:child_process';
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import { expect, test } from 'vitest';

import type { ElfFacts } from '../../src/core/elf/facts.ts';
import { readElfFile } from '../../src/host/elf-file.ts';

type Told = Pick<
  ElfFacts,
  'interpreter' | 'soname' | 'needed' | 'rpath' | 'runpath' | 'neededVersions' | 'definedVersions'
>;

/** What readelf prints of these files, by path; it says no more of what has no dynamic section than the loader. */
function readelf(paths: readonly string[]): Map<string, Told> {
  const output = execFileSync('readelf', ['-ldV', '--wide', ...paths], {
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
    maxBuffer: 1024 ** 3,
    stdio: ['ignore', 'pipe', 'ignore'],
  }).toString();
  const parts = output.split(/^File: /m).slice(1);
  return new Map(parts.map((part) => [part.slice(0, part.indexOf('\n')), toldIn(part)]));
}

function toldIn(part: string): Told {
  const values = (tag: string): string[] =>
    [...part.matchAll(new RegExp(`\\(${tag}\\) .*\\[(.*)\\]$`, 'gm'))].map(([, value = '']) => value);
  const path = (tag: string): string[] => values(tag).flatMap((value) => value.split(':'));
  const interpreter = /\[Requesting program interpreter: (.*)\]/.exec(part)?.[1];
  const soname = values('SONAME')[0];
  return {
    ...(interpreter === undefined ? {} : { interpreter }),
    ...(soname === undefined ? {} : { soname }),
    needed: values('NEEDED'),
    rpath: path('RPATH'),
    runpath: path('RUNPATH'),
    neededVersions: neededIn(section(part, 'Version needs section')),
    definedVersions: [...section(part, 'Version definition section').matchAll(/Flags: (.*?) +Index.*Name: (.*)$/gm)]
      .filter(([, flags = '']) => !flags.includes('BASE'))
      .map(([, , name = '']) => name),
  };
}

function section(part: string, title: string): string {
  const start = part.indexOf(`${title} `);
  if (start === -1) return '';
  const end = part.indexOf('\n\n', start);
  return part.slice(start, end === -1 ? undefined : end);
}

function neededIn(text: string): Told['neededVersions'] {
  const parts = text.split(/File: /).slice(1);
  return parts.map((part) => ({
    library: /^(.*?) +Cnt:/.exec(part)?.[1] ?? '',
    versions: [...part.matchAll(/Name: (.*?) +Flags: (.*?) +Version/g)]
      .filter(([, , flags = '']) => !flags.includes('WEAK'))
      .map(([, name = '']) => name),
  }));
}

/** readelf prints a line for every symbol of a library: the largest would take minutes. */
const largest = 512 * 1024;

/** Files of a directory that are ELF programs or libraries. */
function objectsIn(directory: string): string[] {
  return readdirSync(directory)
    .map((name) => join(directory, name))
    .filter((path) => {
      const status = lstatSync(path);
      return status.isFile() && status.size <= largest && readElfFile(path).kind === 'object';
    });
}

function factsOf(path: string): Told {
  const reading = readElfFile(path);
  if (reading.kind !== 'object') throw new Error(`${path}: ${reading.kind}`);
  const { interpreter, soname, needed, rpath, runpath, neededVersions, definedVersions } = reading.facts;
  return {
    ...(interpreter === undefined ? {} : { interpreter }),
    ...(soname === undefined ? {} : { soname }),
    ...{ needed, rpath, runpath, neededVersions, definedVersions },
  };
}

test('reads of the programs and libraries of this host what readelf reads', () => {
  const paths = ['/usr/bin', '/usr/lib/x86_64-linux-gnu'].flatMap(objectsIn);
  const told = readelf(paths);

  expect(paths.length).toBeGreaterThanOrEqual(500);
  expect(paths.filter((path) => !isDeepStrictEqual(factsOf(path), told.get(path)))).toEqual([]);
});
