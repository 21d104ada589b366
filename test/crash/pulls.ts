import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { zstdCompressSync } from 'node:zlib';

import { erofsImage, releaseOf } from '../integration/support/images.ts';
import { quickAgent, type QuickAgent } from '../integration/support/quick-agent.ts';
import { serveFiles, type FileServer } from '../integration/support/server.ts';
import { temporaryDirectory } from '../support/archives.ts';
import { agent, isBundled, killAfter } from './kills.ts';
import { randomNumbers } from './matrix.ts';

/**
 * Kills the fetching of images at random instants; then the same is asked for again, and must end right, fetch no more than
 * what was missing, and leave nothing behind. `node test/crash/pulls.ts [--instants=100] [--seed=1]`, as root.
 */

export interface PullCounts {
  readonly kills: number;
  /** Of these, how many hit while bytes of the image were on their way, and were gone on from. */
  readonly resumed: number;
  readonly problems: readonly string[];
}

const imageBytes = 24 * 1024 ** 2;

export async function killPulls(instants: number, seed: number, say: (line: string) => void): Promise<PullCounts> {
  await using host = await quickAgent();
  using files = temporaryDirectory();
  const server = await serveFiles(files.path);
  try {
    const image = erofsImage({ ...releaseOf('big'), 'usr/share/big/data': randomBytes(imageBytes) });
    publish(files.path, { 'big-1.raw': image, 'big-2.raw.zst': zstdCompressSync(image) });
    trust(host, server);
    await host.keep();
    return await killAll(host, server, image, { instants, seed, say });
  } finally {
    await server.close();
  }
}

function publish(directory: string, published: Readonly<Record<string, Buffer>>): void {
  for (const [name, bytes] of Object.entries(published)) writeFileSync(join(directory, name), bytes);
  const lines = Object.entries(published).map(([name, bytes]) => `${sha256(bytes)}  ${name}\n`);
  writeFileSync(join(directory, 'SHA256SUMS'), lines.join(''));
}

function trust(host: QuickAgent, { uri }: FileServer): void {
  const server = new URL(uri).host;
  const text = `web_servers: {"${server}": {plain_http: true}}\ntrust: [{place: "${uri}", unsigned: allowed}]\n`;
  host.put('etc/sysext-agent/agent.yml', Buffer.from(text));
}

interface Kills {
  readonly instants: number;
  readonly seed: number;
  readonly say: (line: string) => void;
}

async function killAll(host: QuickAgent, server: FileServer, image: Buffer, kills: Kills): Promise<PullCounts> {
  const world = { lab: host, reset: () => Promise.resolve(), [Symbol.asyncDispose]: () => Promise.resolve() };
  const random = randomNumbers(kills.seed);
  const problems: string[] = [];
  let resumed = 0;
  const argsOf = (index: number) => ['install', `${server.uri}/`, '--name=big', `--range=${(index % 2) + 1}`];
  const durations = [await timed(host, argsOf(0)), await timed(host, argsOf(1))];
  for (let index = 0; index < kills.instants; index++) {
    const delay = random() * durations[index % 2]!;
    await host.restore();
    await killAfter(world, argsOf(index), delay, index % 4 < 2 ? 'agent' : 'agent and its programs');
    server.seen.splice(0);
    const { exitCode, stderr } = await agent(world, argsOf(index));
    const found = [...(exitCode === 0 ? [] : [`it ended with ${exitCode}: ${stderr}`]), ...(await look(host, image))];
    if (server.seen.some(({ headers }) => headers.range !== undefined)) resumed += 1;
    for (const problem of found) {
      problems.push(`killed after ${delay.toFixed(1)} ms: ${problem}`);
      kills.say(`PROBLEM ${problems.at(-1)}`);
    }
  }
  kills.say(`${kills.instants} kills, ${resumed} gone on from where they were, ${problems.length} problems`);
  return { kills: kills.instants, resumed, problems };
}

async function timed(host: QuickAgent, args: readonly string[]): Promise<number> {
  await host.restore();
  const start = performance.now();
  await host.ok(...args);
  return performance.now() - start;
}

/** What is not as it must be after the same was asked for again. */
async function look(host: QuickAgent, image: Buffer): Promise<string[]> {
  const incoming = await host.shell('ls var/lib/sysext-agent/incoming');
  const stored = await host.shell('ls -A var/lib/sysext-agent/images');
  const merged = await host.shell('stat -c %s usr/share/big/data 2>/dev/null || echo nothing');
  return [
    ...(incoming === '' ? [] : [`left behind: ${incoming}`]),
    ...(stored === `${sha256(image)}.raw\n` ? [] : [`in the store: ${stored}`]),
    ...(merged === `${imageBytes}\n` ? [] : [`merged: ${merged}`]),
  ];
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { instants: { type: 'string', default: '100' }, seed: { type: 'string', default: '1' } },
  });
  if (!isBundled) throw new Error('run `npm run bundle` first');
  const { problems } = await killPulls(Number(values.instants), Number(values.seed), (line) => {
    process.stdout.write(`${line}\n`);
  });
  process.exitCode = problems.length === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
