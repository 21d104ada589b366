import type { JudgedImage } from '../../../src/systemd/verdicts.ts';
import type { Machine } from '../../lab/machine.ts';
import { bundled } from './bundled.ts';

/** What our code sees below one root of a machine; times as text, as JSON has them. */
export interface Observation {
  readonly images: readonly JudgedImage[];
  readonly hierarchies: readonly unknown[];
}

const programs = new WeakMap<Machine, Promise<string[]>>();

/** The command that runs our code inside the machine, where it is put once. */
function programIn(machine: Machine): Promise<string[]> {
  const program = programs.get(machine) ?? bundled(machine, 'test/integration/fixtures/observe.ts');
  programs.set(machine, program);
  return program;
}

/** Runs our code inside the machine, once for all these roots. */
export async function observe(machine: Machine, ...roots: readonly string[]): Promise<Observation[]> {
  const { exitCode, stdout, stderr } = await machine.run([...(await programIn(machine)), ...roots]);
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
