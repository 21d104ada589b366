import type { Machine } from '../../lab/machine.ts';
import type { TestRepository } from './repository.ts';

const targets = '/etc/sysext-agent/targets.d';

/** Lets a machine build from a test repository: `--target=local`. */
export async function addTarget(machine: Machine, archive: TestRepository, keyFile = archive.keyFile): Promise<void> {
  await machine.copyIn(keyFile, `${targets}/keys/local.gpg`);
  const target = [
    'description: packages made for a test',
    'repositories:',
    `  - {uri: '${archive.uri}', suites: [stable], components: [main], keys: [keys/local.gpg]}`,
  ];
  await machine.write(`${targets}/local.yml`, `${target.join('\n')}\n`);
}

/** The text of a spec for these packages: `{ hello: '>= 2' }`; an empty constraint is none. */
export function specOf(name: string, packages: Readonly<Record<string, string>>): string {
  const relations = Object.entries(packages).map(([pkg, constraint]) =>
    constraint === '' ? `    ${pkg}:\n` : `    ${pkg}: {version: ['${constraint}']}\n`,
  );
  return `name: ${name}
version: '1.0'
revision: '1'
license: MIT
description: made for a test
website: https://example.org
dependencies:
  sysext:
${relations.join('')}`;
}
