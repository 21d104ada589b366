import fs from 'node:fs';
import { join, resolve } from 'node:path';

const fixture = resolve(import.meta.dirname, '../../fixtures/specs/sysext-integration.yml');

/**
 * The spec of Dalec's own test of system extensions, with its five tests, for a distribution: Dalec leaves id and version
 * empty where packages are deb.
 */
export function dalecsOwn({ id, version }: { readonly id: string; readonly version: string }): string {
  return fs.readFileSync(fixture, 'utf8').replace('azurelinux(', `${id}(`).replace('3.0(', `${version}(`);
}

/** Makes the named context of that spec below a directory: three patches that add a program each. */
export function patchContext(directory: string): string {
  const context = join(directory, 'patch-context');
  fs.mkdirSync(join(context, 'patches'), { recursive: true });
  fs.writeFileSync(join(context, 'patch3'), adding('file3', 'Added another new file'));
  fs.writeFileSync(join(context, 'patches/patch4'), adding('file4', 'Added yet another new file'));
  fs.writeFileSync(join(context, 'patches/patch5'), adding('file5', 'Added the last new file'));
  return context;
}

function adding(name: string, says: string): string {
  const lines = ['#!/usr/bin/env bash', '', `echo "${says}"`];
  return [
    ...[`diff --git a/${name} b/${name}`, 'new file mode 100700', 'index 0000000..5260cb1', '--- /dev/null'],
    ...[`+++ b/${name}`, `@@ -0,0 +1,${lines.length} @@`, ...lines.map((line) => `+${line}`), ''],
  ].join('\n');
}
