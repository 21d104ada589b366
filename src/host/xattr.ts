import { isAgentError } from '../core/errors.ts';
import type { Exec } from './exec.ts';

/**
 * The extended attribute `name` of the files at these paths, by path; a file without it is not in the answer, and
 * where the host has no getfattr, none is. Symbolic links are not followed.
 */
export async function readAttributes(
  paths: readonly string[],
  name: string,
  exec: Exec,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  return parseGetfattr(await getfattr(paths, getfattrArguments(paths, name), exec, signal));
}

/**
 * Which of these extended attributes the files at these paths have, by path, as readAttributes(). What root alone may
 * see is in it only for root.
 */
export async function readAttributeNames(
  paths: readonly string[],
  names: readonly string[],
  exec: Exec,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const pattern = `^(${names.map((name) => name.replaceAll('.', String.raw`\.`)).join('|')})$`;
  const args = ['--no-dereference', '--absolute-names', `--match=${pattern}`, '--', ...paths];
  return parseAttributeNames(await getfattr(paths, args, exec, signal));
}

async function getfattr(
  paths: readonly string[],
  args: readonly string[],
  exec: Exec,
  signal: AbortSignal | undefined,
): Promise<string> {
  if (paths.length === 0) return '';
  try {
    return (await exec.run('getfattr', args, signal === undefined ? {} : { signal })).stdout;
  } catch (error) {
    if (isAgentError(error, 'tool-missing')) return '';
    throw error;
  }
}

/** The arguments of getfattr(1). In hexadecimal no value can look like the head of another file. */
export function getfattrArguments(paths: readonly string[], name: string): string[] {
  return ['--no-dereference', '--absolute-names', '--encoding=hex', `--name=${name}`, '--', ...paths];
}

/** Reads what getfattr prints for one attribute of many files: a head with the path of each, then its value. */
export function parseGetfattr(output: string): ReadonlyMap<string, string> {
  return new Map(
    [...output.matchAll(/^# file: (.*)\n[^\n=]+=0x([0-9a-f]*)$/gm)].map(([, path = '', value = '']) => [
      unescape(path),
      Buffer.from(value, 'hex').toString(),
    ]),
  );
}

/** Reads what getfattr prints where it is not asked for values: a head with the path, then a line for each name. */
export function parseAttributeNames(output: string): ReadonlyMap<string, readonly string[]> {
  return new Map(
    [...output.matchAll(/^# file: (.*)\n((?:[^\n]+\n)*)/gm)].map(([, path = '', names = '']) => [
      unescape(path),
      names.trimEnd().split('\n'),
    ]),
  );
}

/** Bytes that would break the line, and the backslash itself, are written in octal. */
function unescape(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/**
 * The directories below `directory`, and itself, that have this extended attribute; where the host has no getfattr, none.
 * Nothing is followed out of it.
 */
export async function directoriesWith(
  directory: string,
  name: string,
  exec: Exec,
  signal?: AbortSignal,
): Promise<ReadonlySet<string>> {
  const pattern = `^${name.replaceAll('.', String.raw`\.`)}$`;
  const args = ['--recursive', '--physical', '--no-dereference', '--absolute-names', `--match=${pattern}`];
  return new Set(parseAttributeNames(await getfattr([directory], [...args, '--', directory], exec, signal)).keys());
}
