import { join } from 'node:path';

import { AgentError } from '../../core/errors.ts';
import type { Position } from '../../core/problems.ts';
import { fieldPath, quote } from '../../core/yaml/text.ts';
import { fileStatus, makeDirectory, readText, writeAtomically } from '../../host/files.ts';
import type { MakingStep } from '../making/making-step.ts';

/** Secrets of a build by the names that specs know them by: their files, and a directory of this build. */
export interface Secrets {
  readonly secrets: ReadonlyMap<string, string>;
  readonly work: string;
}

/** Who asks for a secret, as messages name it. */
export interface Asker {
  readonly source: string;
  readonly position: Position;
}

/**
 * A secret, without the end of its last line.
 * @throws AgentError `usage` where it was not given, `no-such-file`
 */
export function secretText(name: string, asker: Asker, { secrets }: Secrets): string {
  return readText(fileOf(name, asker, secrets)).replace(/\r?\n$/, '');
}

/** Far more than any key or token has, in bytes. */
const mostBytes = 64 * 1024;

function fileOf(name: string, { source, position }: Asker, secrets: Secrets['secrets']): string {
  const path = secrets.get(name);
  if (path === undefined) {
    throw new AgentError('usage', `the source ${quote(source)} needs the secret ${quote(name)}, which was not given`, {
      problems: [{ position, field: fieldPath('sources', source), message: `it needs the secret ${quote(name)}` }],
      left: 'Nothing was built.',
      next: `Give it with --secret id=${name},src=FILE.`,
    });
  }
  const status = fileStatus(path);
  if (status?.isFile() === true && status.size <= mostBytes) return path;
  throw new AgentError(
    'usage',
    `the secret ${quote(name)} cannot be read: ${path} is no file of at most ${mostBytes} bytes`,
    {
      left: 'Nothing was built.',
    },
  );
}

/**
 * A secret as a file that a step reads. Everyone in the sandbox may read it, so it is a copy where nobody else on this host
 * comes to. What a step makes is kept whatever its secrets were: they say who may fetch, and not what.
 * @param at where the step finds it.
 */
export function secretBind(name: string, at: string, asker: Asker, given: Secrets): MakingStep['binds'][number] {
  const directory = join(given.work, 'secrets');
  makeDirectory(directory, 0o700);
  const path = join(
    directory,
    name.replace(/[^\w.-]/g, (character) => `%${character.charCodeAt(0)}`).replace(/^\./, '%46'),
  );
  writeAtomically(path, secretText(name, asker, given), 0o644);
  return { source: path, at, writable: false, digest: `secret ${name}` };
}
