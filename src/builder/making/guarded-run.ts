import type { Sandbox, SandboxEnd, SandboxRun } from '../sandbox/sandbox.ts';

/**
 * Runs a program whose output is taken by something that can fail: the program is then ended.
 * @throws what `take` threw, and those of Sandbox.run().
 */
export async function runGuarded(sandbox: Sandbox, { take, signal, ...run }: SandboxRun): Promise<SandboxEnd> {
  const failed = new AbortController();
  const failures: unknown[] = [];
  const guarded: SandboxRun['take'] = (piece, stream) => {
    if (failures.length > 0) return;
    try {
      take(piece, stream);
    } catch (error) {
      failures.push(error);
      failed.abort();
    }
  };
  const signals = [failed.signal, ...(signal === undefined ? [] : [signal])];
  const end = await sandbox.run({ ...run, take: guarded, signal: AbortSignal.any(signals) }).catch((error: unknown) => {
    throw failures[0] ?? error;
  });
  if (failures.length > 0) throw failures[0];
  return end;
}
