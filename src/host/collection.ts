import v8 from 'node:v8';
import vm from 'node:vm';

/** After so many bytes in buffers that are not needed any more these are collected. */
const stride = 8 * 1024 ** 2;

/**
 * Keeps the memory of a long transfer small. Each piece that the network brings is a small object to the collector of V8,
 * whatever it holds: by itself it waits until there are 64 MiB of them, and new memory costs more than to use the old again.
 * @returns is told the size of each piece that was used up, in bytes.
 */
export function pieceCollector(): (bytes: number) => void {
  let waiting = 0;
  let collect: (() => void) | undefined;
  return (bytes) => {
    waiting += bytes;
    if (waiting < stride) return;
    waiting = 0;
    collect ??= youngCollection();
    collect();
  };
}

/**
 * The function that collects young objects. It is had without starting Node by another flag, and the flag is taken back: code
 * that was compiled ahead is refused under other flags than it was compiled with.
 */
function youngCollection(): () => void {
  v8.setFlagsFromString('--expose-gc');
  const gc = vm.runInNewContext('gc') as (options: { readonly type: 'minor' }) => void;
  v8.setFlagsFromString('--no-expose-gc');
  return () => {
    gc({ type: 'minor' });
  };
}
