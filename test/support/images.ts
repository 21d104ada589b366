import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';

/** Makers of small images of one tree: for the readers, to be compared with other programs and to be spoiled. */

function run(program: string, ...args: readonly string[]): void {
  execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** A tree with a bit of everything: short and long contents, links, modes, owners, attributes, a large directory. */
export function makeSmallTree(tree: string): void {
  const releases = join(tree, 'usr/lib/extension-release.d');
  fs.mkdirSync(releases, { recursive: true });
  fs.mkdirSync(join(tree, 'usr/share/many'), { recursive: true });
  fs.writeFileSync(join(releases, 'extension-release.jq'), 'ID=_any\n');
  run('setfattr', '-n', 'user.extension-release.strict', '-v', 'false', join(releases, 'extension-release.jq'));
  fs.writeFileSync(join(tree, 'usr/share/words'), words(60_000));
  fs.writeFileSync(join(tree, 'usr/share/zeros'), Buffer.alloc(300_000));
  fs.writeFileSync(join(tree, 'usr/share/noise'), noise(30_000));
  fs.writeFileSync(join(tree, 'usr/share/sparse'), 'begin');
  fs.truncateSync(join(tree, 'usr/share/sparse'), 2_000_000);
  fs.appendFileSync(join(tree, 'usr/share/sparse'), 'end');
  fs.writeFileSync(join(tree, 'usr/share/tool'), words(9000));
  fs.chownSync(join(tree, 'usr/share/tool'), 70_000, 1001);
  // Only now: a new owner takes setuid away.
  fs.chmodSync(join(tree, 'usr/share/tool'), 0o4755);
  run('setfattr', '-n', 'security.capability', '-v', '0x0100000200040000000000000000000000000000', capable(tree));
  fs.symlinkSync('words', join(tree, 'usr/share/short'));
  fs.symlinkSync('/'.repeat(900), join(tree, 'usr/share/long'));
  run('mkfifo', join(tree, 'usr/share/fifo'));
  for (let i = 0; i < 150; i++)
    fs.writeFileSync(join(tree, `usr/share/many/${'name'.repeat(1 + (i % 9))}-${i}`), `${i}`);
}

/** The file of the tree that has a capability. */
export function capable(tree: string): string {
  return join(tree, 'usr/share/words');
}

/** Text that compresses well, and the same every time. */
export function words(length: number): Buffer {
  const parts = Array.from({ length: length / 8 }, (_, i) => `w${(i * 7919) % 997} `);
  return Buffer.from(parts.join('').slice(0, length));
}

/** Bytes that do not compress, and are the same every time. */
function noise(length: number): Buffer {
  const state = { value: 12345 };
  return Buffer.from(
    Array.from({ length }, () => {
      state.value = (Math.imul(state.value, 1_103_515_245) + 12345) >>> 0;
      return state.value >>> 24;
    }),
  );
}

export const erofsOptions: Readonly<Record<string, readonly string[]>> = {
  plain: [],
  lz4: ['-zlz4'],
  lz4hc: ['-zlz4hc'],
  big: ['-zlz4hc', '-C65536'],
  legacy: ['-zlz4hc', '-Elegacy-compress'],
  legacyBig: ['-zlz4hc', '-Elegacy-compress', '-C32768'],
  tails: ['-zlz4hc', '-C16384', '-Eztailpacking'],
  dedupe: ['-zlz4hc', '-Ededupe'],
  chunks: ['--chunksize=8192'],
};

/** Options of mkfs.ext4 and the kilobytes of the image. */
export const ext4Options: Readonly<Record<string, readonly [size: number, ...options: string[]]>> = {
  usual: [8192],
  small: [8192, '-b1024'],
  noJournal: [8192, '-b2048', '-O^has_journal,^64bit,^metadata_csum'],
  oldMaps: [8192, '-b1024', '-O^extent,^64bit,^flex_bg,^metadata_csum'],
  inline: [8192, '-Oinline_data', '-I256'],
  metaGroups: [262144, '-b1024', '-Ometa_bg,^resize_inode'],
  oldInodes: [8192, '-I128', '-O^has_journal,^metadata_csum'],
  ext2: [8192, '-text2'],
  sparse2: [65536, '-b1024', '-Osparse_super2'],
};

export function makeErofs(path: string, tree: string, options: readonly string[] = []): void {
  run('mkfs.erofs', ...options, path, tree);
}

export function makeExt4(path: string, tree: string, [size, ...options]: readonly [number, ...string[]]): void {
  run('mkfs.ext4', '-q', ...options, '-d', tree, path, `${size}k`);
}

/** A disk image of one partition, and an empty one that is to prove it. */
export function makeGpt(path: string, inside: string, type: string): void {
  const bytes = fs.readFileSync(inside);
  const sectors = Math.ceil(bytes.length / 512);
  run('truncate', `--size=${(sectors + 4096) * 512}`, path);
  const table = `label: gpt\nstart=64, size=${sectors}, type=${type}\nsize=1024, type=2C7357ED-EBD2-46D9-AEC1-23D437EC2BF5\n`;
  execFileSync('sfdisk', ['--quiet', path], { input: `first-lba: 64\n${table}`, stdio: ['pipe', 'ignore', 'pipe'] });
  const file = fs.openSync(path, 'r+');
  fs.writeSync(file, bytes, 0, bytes.length, 64 * 512);
  fs.closeSync(file);
}
