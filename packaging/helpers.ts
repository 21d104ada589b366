import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { buildNative, nativePrograms } from './native.ts';

/**
 * Compiles the programs of native/ for another machine into helpers-ARCHITECTURE: `make helpers ARCH=arm64`, with
 * gcc-aarch64-linux-gnu and libc6-dev-arm64-cross. Where qemu-user-static is installed too, each of them is started.
 */
const emulators: Readonly<Record<string, string>> = { x64: 'qemu-x86_64-static', arm64: 'qemu-aarch64-static' };
const names: Readonly<Record<string, NodeJS.Architecture>> = { amd64: 'x64', arm64: 'arm64' };

const { values } = parseArgs({ options: { arch: { type: 'string', default: 'arm64' } } });
const architecture = names[values.arch];
if (architecture === undefined) throw new Error(`--arch takes ${Object.keys(names).join(' or ')}, not ${values.arch}`);

const directory = join(import.meta.dirname, `../helpers-${values.arch}`);
mkdirSync(directory, { recursive: true });
for (const name of nativePrograms) {
  const program = join(directory, name);
  buildNative(name, program, architecture);
  process.stdout.write(`${program}: ${started(program)}\n`);
}

/** Without a verb each says how it is called, and ends with 2. */
function started(program: string): string {
  const { status, stderr, error } = spawnSync(emulators[architecture ?? ''] ?? '', [program], { encoding: 'utf8' });
  if (error !== undefined) return 'compiled, and not started: there is no qemu-user-static';
  if (status !== 2 || !stderr.startsWith('usage: ')) throw new Error(`${program} ended with ${status}: ${stderr}`);
  return 'starts';
}
