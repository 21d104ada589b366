import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { runCommand } from '../lab/command.ts';
import { temporaryDirectory } from '../support/archives.ts';

const program = join(resolve(import.meta.dirname, '../..'), 'bin/sysext-agent');
let tree: ReturnType<typeof temporaryDirectory>;

beforeEach(() => {
  tree = temporaryDirectory();
  put('etc/os-release', 'ID=flatcar\nVERSION_ID=4200\n');
});

afterEach(() => {
  tree[Symbol.dispose]();
});

function put(path: string, text: string): void {
  mkdirSync(dirname(tree.at(path)), { recursive: true });
  writeFileSync(tree.at(path), text);
}

async function migrate(...args: readonly string[]) {
  const { exitCode, stdout, stderr } = await runCommand([program, 'migrate', `--root=${tree.path}`], args);
  return {
    exitCode,
    stdout: stdout.replaceAll(tree.path, ''),
    notes: stderr.replaceAll(tree.path, '').trimEnd().split('\n'),
  };
}

const transfer = (name: string, target = `CurrentSymlink=/etc/extensions/${name}.raw`) =>
  `[Transfer]\nVerify=false\n[Source]\nType=url-file\nPath=https://e.example/${name}\nMatchPattern=${name}-@v-%a.raw\n` +
  `[Target]\nType=regular-file\nPath=/opt/extensions/${name}\n${target}\n`;

test('migrate makes drop-ins of what systemd-sysupdate has for extensions, and config check takes them', async () => {
  put('etc/sysupdate.jq.d/jq.conf', transfer('jq'));
  put('usr/lib/sysupdate.d/50-tools.transfer', `${transfer('tools')}[Transfer]\nFeatures=more\n`);
  put('usr/lib/sysupdate.d/more.feature', '[Feature]\nEnabled=no\n');
  put('etc/sysupdate.d/more.feature.d/on.conf', '[Feature]\nEnabled=yes\n');
  put('usr/lib/sysupdate.d/60-masked.transfer', transfer('masked'));
  symlinkSync('/dev/null', tree.at('etc/sysupdate.d/60-masked.transfer'));
  put('usr/lib/sysupdate.d/70-kernel.transfer', transfer('kernel', '').replace('/opt/extensions/kernel', '/efi'));
  put('etc/sysupdate.jq.d/other.conf', transfer('jq'));

  const printed = await migrate();
  expect(printed.exitCode).toBe(0);
  expect(printed.stdout).toContain('  jq:\n    from: "https://e.example/jq/"\n    match: "jq-@v-%a.raw"\n');
  expect(printed.stdout).toContain('  tools:\n');
  expect(printed.stdout).not.toContain('masked');
  expect(printed.notes).toContain(
    'note: /usr/lib/sysupdate.d/70-kernel.transfer was left out: its target is in no directory of extensions',
  );
  expect(printed.notes.join('\n')).toContain('/etc/sysupdate.jq.d/jq.conf is about jq already');
  expect(printed.notes.join('\n')).toContain('note: jq: Verify=no: nothing of it is signed');

  const output = tree.at('new');
  const written = await migrate(`--output=${output}`);
  expect(written.stdout).toBe('Wrote /new/50-tools.yml\nWrote /new/50-jq.yml\n');
  const check = await runCommand([program, 'config', 'check'], [output]);
  expect(check).toMatchObject({ exitCode: 0 });

  const before = readFileSync(join(output, '50-jq.yml'), 'utf8');
  const again = await migrate(`--output=${output}`);
  expect(again.exitCode).toBe(1);
  expect(again.notes.join('\n')).toMatch(/\/new\/50-\w+\.yml is there already/);
  expect(readFileSync(join(output, '50-jq.yml'), 'utf8')).toBe(before);
});

test('migrate finds nothing where there is nothing, and writes no directory', async () => {
  expect(await migrate(`--output=${tree.at('new')}`)).toMatchObject({ exitCode: 0, stdout: '' });
  expect(existsSync(tree.at('new'))).toBe(false);
  expect((await migrate()).stdout).toBe('# systemd-sysupdate has no extensions here\n');
});
