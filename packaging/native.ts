import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** The programs that are not Node's, each of one file in native/. */
export const nativePrograms = ['sysext-agent-swap', 'sysext-agent-images'] as const;

/** As small as a program of one file is with the C library in it: on the host it must run whatever is merged there. */
const flags = ['-std=gnu11', '-Os', '-static', '-s', '-Wall', '-Wextra', '-Werror'];

/** What Debian calls the compiler for a machine that Node calls so. */
const compilers: Readonly<Record<string, string>> = { x64: 'x86_64-linux-gnu-gcc', arm64: 'aarch64-linux-gnu-gcc' };

/** Compiles one of them, for the machine that this runs on unless another one is named. */
export function buildNative(name: (typeof nativePrograms)[number], to: string, architecture = process.arch): void {
  const source = join(import.meta.dirname, `../native/${name}.c`);
  const other = architecture === process.arch ? 'gcc' : (compilers[architecture] ?? `no gcc for ${architecture}`);
  execFileSync(process.env['CC'] ?? other, [...flags, '-o', to, source], { stdio: 'inherit' });
}
