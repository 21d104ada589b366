import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import {
  buildIndexDatabase,
  openIndexDatabase,
  parseProvides,
} from '../../../../../src/builder/packages/deb/index-database.ts';

describe('the database of an index', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'index-'));
  });
  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  const sha256 = 'a'.repeat(64);
  const stanza = (name: string, version: string, more = '') =>
    `Package: ${name}\nVersion: ${version}\nArchitecture: amd64\nFilename: pool/${name}.deb\nSize: 7\nSHA256: ${sha256}\n${more}\n`;

  function build(text: string) {
    function* pieces() {
      for (let start = 0; start < text.length; start += 50) yield Buffer.from(text.slice(start, start + 50));
    }
    const path = join(directory, 'index.sqlite');
    buildIndexDatabase(path, pieces());
    return openIndexDatabase(path);
  }

  it('finds packages by name, and those that provide a name', () => {
    using database = closing(
      build(
        stanza('vim', '1', 'Provides: editor (= 8)\n') +
          stanza('vim', '2') +
          stanza('nano', '3', 'Provides: editor, pico\n'),
      ),
    );
    expect(database.packages('vim').map(({ version }) => version)).toEqual(['1', '2']);
    expect(database.packages('nano')).toEqual([
      { name: 'nano', version: '3', architecture: 'amd64', filename: 'pool/nano.deb', size: 7, sha256, source: '' },
    ]);
    expect(database.providers('editor').map(({ name, version, provided }) => [name, version, provided])).toEqual([
      ['nano', '3', ''],
      ['vim', '1', '8'],
    ]);
    expect(database.names(3, 4)).toEqual(['nano', 'pico', 'vim']);
    expect(database.packages('absent')).toEqual([]);
  });

  it('leaves out what could not be verified, and the second of two that are the same', () => {
    const weak = stanza('weak', '1').replace(sha256, 'short');
    using database = closing(build(weak + stanza('vim', '1') + stanza('vim', '1').replace('Size: 7', 'Size: 8')));
    expect(database.packages('weak')).toEqual([]);
    expect(database.packages('vim').map(({ size }) => size)).toEqual([7]);
  });

  function closing<T extends { close(): void }>(database: T): T & Disposable {
    return {
      ...database,
      [Symbol.dispose]: () => {
        database.close();
      },
    };
  }
});

describe('a Provides field', () => {
  it('lists names, some with a version or an architecture', () => {
    expect(parseProvides('awk, editor (= 2:1.0-1),\n libx:any (= 3) , y:amd64')).toEqual([
      { name: 'awk', version: '' },
      { name: 'editor', version: '2:1.0-1' },
      { name: 'libx', version: '3' },
      { name: 'y', version: '' },
    ]);
  });

  it('may be missing or hold nonsense', () => {
    expect(parseProvides(undefined)).toEqual([]);
    expect(parseProvides(' , a b, c (>= 1)')).toEqual([]);
  });
});
