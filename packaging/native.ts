import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** The programs that are not Node's, each of one file in native/. */
export const nativePrograms = ['sysext-agent-swap', 'sysext-agent-images'] as const;

/** As small as a program of one file is with the C library in it: on the host it must run whatever is merged there. */
const flags = ['-std=gnu11', '-Os', '-static', '-s', '-Wall', '-Wextra', '-Werror'];

/** Compiles one of them, for the machine that this runs on. */
export function buildNative(name: (typeof nativePrograms)[number], to: string): void {
  const source = join(import.meta.dirname, `../native/${name}.c`);
  execFileSync(process.env['CC'] ?? 'gcc', [...flags, '-o', to, source], { stdio: 'inherit' });
}
