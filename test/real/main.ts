import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';

import { execa } from 'execa';

import { bootMachine } from '../lab/machine.ts';
import { debianSources } from './debian-source.ts';
import { realPrograms, type RealProgram } from './programs.ts';
import { startSourceServer } from './server.ts';

/*
 * Builds programs from the sources that their authors released, and runs them where they are merged.
 *   node test/real/main.ts [--only=NAME ...] [--systemd=257]
 */

const { values } = parseArgs({
  options: { only: { type: 'string', multiple: true, default: [] }, systemd: { type: 'string', default: '257' } },
});
const systemd = ([252, 254, 257, 262] as const).find((version) => String(version) === values.systemd);
if (systemd === undefined) throw new Error('--systemd takes 252, 254, 257 or 262');

const agent = resolve(import.meta.dirname, '../../bin/sysext-agent');
const directory = fs.mkdtempSync(join(tmpdir(), 'real-programs-'));
const chosen = realPrograms.filter(({ name }) => values.only.length === 0 || values.only.includes(name));
const failed: string[] = [];
try {
  await using server = await startSourceServer();
  await using machine = await bootMachine({ systemd });
  const sources = await debianSources();
  for (const program of chosen) {
    const began = performance.now();
    const outcome = await tried(program);
    const seconds = Math.round((performance.now() - began) / 1000);
    process.stdout.write(
      `${program.name} (${program.with}): ${outcome ?? 'built, merged and run'}, ${seconds} s` + '\n',
    );
    if (outcome !== undefined) failed.push(program.name);
  }

  async function tried(program: RealProgram): Promise<string | undefined> {
    const spec = join(directory, `${program.name}.yml`);
    fs.writeFileSync(spec, await program.spec(sources, server));
    const built = await execa(agent, ['build', spec, '--target=trixie', `--output=${directory}`, '--json'], {
      reject: false,
    });
    if (built.exitCode !== 0) return `build failed with exit code ${built.exitCode}\n${built.stderr}`;
    const { path } = JSON.parse(built.stdout) as { path: string };
    await machine.copyIn(path, `/srv/${program.name}.raw`);
    const installed = await machine.agent(['install', `/srv/${program.name}.raw`]);
    if (installed.exitCode !== 0) return `install failed with exit code ${installed.exitCode}\n${installed.stderr}`;
    const printed = await machine.shell(program.script);
    return printed.includes(program.prints) ? undefined : `it printed ${printed}`;
  }
} finally {
  fs.rmSync(directory, { recursive: true, force: true });
}
process.stdout.write(`${chosen.length - failed.length} programs work, ${failed.length} do not` + '\n');
process.exitCode = failed.length === 0 ? 0 : 1;
