/**
 * What reading a large package list of rpm takes: makes a primary.xml (40,000 packages, or as many as the first argument
 * says), packed with zstd, and prints the time and the peak memory of a process that makes the index of it.
 *
 *     npx tsx test/bench/primary.ts, or: node test/bench/primary.ts 40000
 */
import { spawnSync } from 'node:child_process';
import { createReadStream, createWriteStream, mkdtempSync, rmSync, statSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createZstdCompress } from 'node:zlib';
import { pipeline } from 'node:stream/promises';

import { buildIndexDatabase, openIndexDatabase } from '../../src/builder/packages/rpm/index-database.ts';
import { createExec } from '../../src/host/exec.ts';
import { piecesOf } from '../../src/host/files.ts';
import { unpack } from '../../src/host/unpack.ts';

const mebibyte = 1024 ** 2;

/** One package as createrepo_c writes it, with what the average of a large distribution has. */
function packageXml(number: number): string {
  const name = `package-${number}`;
  const hash = number.toString(16).padStart(64, 'a');
  const entry = (of: string) => `<rpm:entry name="${of}" flags="EQ" epoch="0" ver="1.${number}" rel="1.azl3"/>`;
  const provides = Array.from({ length: 12 }, (_, index) => entry(`lib${name}-${index}.so.1()(64bit)`)).join('\n');
  const requires = Array.from({ length: 20 }, (_, index) => entry(`lib${name}-${index}.so.2()(64bit)`)).join('\n');
  const files = Array.from({ length: 6 }, (_, index) => `<file>/usr/bin/${name}-${index}</file>`).join('\n');
  return `<package type="rpm"><name>${name}</name><arch>x86_64</arch><version epoch="0" ver="1.${number}" rel="1.azl3"/>
<checksum type="sha256" pkgid="YES">${hash}</checksum><summary>A summary &amp; more</summary>
<description>${'Some words of a description. '.repeat(12)}</description><packager/><url>https://example.org</url>
<time file="1700000000" build="1700000000"/><size package="123456" installed="654321" archive="654321"/>
<location href="Packages/${name}.rpm"/><format><rpm:license>MIT</rpm:license><rpm:provides>${provides}</rpm:provides>
<rpm:requires>${requires}</rpm:requires>${files}</format></package>\n`;
}

async function generate(path: string, count: number): Promise<void> {
  const out = createWriteStream(path);
  out.write(`<?xml version="1.0" encoding="UTF-8"?>\n<metadata xmlns:rpm="r" packages="${count}">\n`);
  for (let number = 0; number < count; number++) if (!out.write(packageXml(number))) await once(out, 'drain');
  out.end('</metadata>\n');
  await once(out, 'finish');
  await pipeline(createReadStream(path), createZstdCompress(), createWriteStream(`${path}.zst`));
}

async function measure(path: string): Promise<void> {
  const started = performance.now();
  const packed = { path: `${path}.zst`, offset: 0, length: statSync(`${path}.zst`).size };
  await unpack(packed, 'zstd', `${path}.text`, { exec: createExec(process.env), limit: 4096 * mebibyte });
  const unpacked = process.resourceUsage().maxRSS / 1024;
  buildIndexDatabase(`${path}.sqlite`, piecesOf(`${path}.text`));
  const seconds = (performance.now() - started) / 1000;
  const { maxRSS } = process.resourceUsage();
  const database = openIndexDatabase(`${path}.sqlite`);
  const found =
    database.packages('package-7').length === 1 && database.providers('libpackage-7-3.so.1()(64bit)').length;
  database.close();
  const [size, index] = [statSync(path).size, statSync(`${path}.sqlite`).size].map((bytes) => bytes / mebibyte);
  process.stdout.write(
    `primary.xml ${size?.toFixed(0)} MiB, index ${index?.toFixed(0)} MiB, ${seconds.toFixed(1)} s, ` +
      `peak ${unpacked.toFixed(0)} MiB unpacking, ${(maxRSS / 1024).toFixed(0)} MiB in all, answers ${found === 1 ? 'right' : 'wrong'}\n`,
  );
}

const [argument = '40000', existing] = process.argv.slice(2);
if (existing !== undefined) {
  await measure(existing);
} else {
  const directory = mkdtempSync(join(tmpdir(), 'primary-'));
  const path = join(directory, 'primary.xml');
  await generate(path, Number(argument));
  spawnSync(process.execPath, [import.meta.filename, argument, path], { stdio: 'inherit' });
  rmSync(directory, { recursive: true });
}
