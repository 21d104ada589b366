import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** As small as a program of one file is with the C library in it: on the host it must run whatever is merged there. */
const flags = ['-std=gnu11', '-Os', '-static', '-s', '-Wall', '-Wextra', '-Werror'];

/** Compiles the program that swaps what is merged, for the machine that this runs on. */
export function buildSwap(to: string): void {
  const source = join(import.meta.dirname, '../native/sysext-agent-swap.c');
  execFileSync(process.env['CC'] ?? 'gcc', [...flags, '-o', to, source], { stdio: 'inherit' });
}
