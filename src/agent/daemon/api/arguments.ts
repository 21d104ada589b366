import { AgentError } from '../../../core/errors.ts';
import { parseImageReference } from '../../../core/image-reference.ts';
import { array, dictionary, text, uint32, variant, type Decoder } from '../../../systemd/bus/values.ts';
import { isChange, type ChangeMethod } from './definition.ts';

/** What one call may ask for at most. */
export const argumentLimits = {
  names: 64,
  name: 255,
  path: 1024,
  reason: 1000,
  history: 1000,
  osRelease: 16 << 10,
} as const;

/** A change that someone asks for. */
export interface Request {
  readonly method: ChangeMethod;
  /** Names of extensions, or paths of what is to be installed. */
  readonly names: readonly string[];
  /** Of an operation; 0 for the one before. */
  readonly number: number;
  readonly reason?: string;
}

/**
 * What the arguments of a change say; their types were looked at before.
 * @throws AgentError `usage` for more, or longer, than one call may ask for.
 */
export function requestOf(method: string, body: readonly unknown[]): Request {
  if (!isChange(method)) throw new AgentError('internal', 'this method changes nothing');
  switch (method) {
    case 'Install':
      return { method, names: refsIn(body[0]), number: 0, ...optionsIn(body[1]) };
    case 'Remove':
    case 'Hold':
    case 'Unhold':
      return { method, names: namesIn(body[0]), number: 0 };
    case 'Upgrade':
      return { method, names: severalNames(body[0]), number: 0 };
    case 'Rollback':
      return { method, names: [], number: decoded(uint32, body[0]) };
    case 'Apply':
    case 'Merge':
    case 'Unmerge':
    case 'Refresh':
      return { method, names: [], number: 0 };
  }
}

/** A name of an extension. @throws AgentError `usage` */
export function nameIn(value: unknown): string {
  return short(decoded(text, value), 'a name', argumentLimits.name);
}

/** The absolute path of an image. @throws AgentError `usage` */
export function pathIn(value: unknown): string {
  const path = short(decoded(text, value), 'a path', argumentLimits.path);
  if (isWholePath(path)) return path;
  throw notWhole(path, 'no absolute path of an image');
}

/** The text of an os-release file. @throws AgentError `usage` */
export function osReleaseIn(value: unknown): string {
  return short(decoded(text, value), 'an os-release file', argumentLimits.osRelease);
}

/** How many operations are asked for: never more than one answer may have. */
export function countIn(value: unknown): number {
  return Math.min(decoded(uint32, value), argumentLimits.history);
}

function namesIn(value: unknown): string[] {
  several(decoded(array(text), value), 'extension');
  return severalNames(value);
}

/** Of what there may also be none: then all are meant. */
function severalNames(value: unknown): string[] {
  return atMost(decoded(array(text), value), 'extension').map((name) => nameIn(name));
}

/** Paths, and references to what is published: whom this host trusts there is for its settings to say. */
function refsIn(value: unknown): string[] {
  return several(decoded(array(text), value), 'path').map((path) => {
    short(path, 'a path', argumentLimits.path);
    if (isReference(path) || isWholePath(path)) return path;
    throw notWhole(path, 'neither an absolute path of an image or a spec, nor oci://... or https://...');
  });
}

function isWholePath(path: string): boolean {
  return path.startsWith('/') && !path.split('/').some((part) => part === '.' || part === '..');
}

function notWhole(path: string, what: string): AgentError {
  return new AgentError('usage', `"${path}" is ${what}`, { next: 'Give the whole path, without . and .. in it.' });
}

/** Whether what is to be installed is fetched. */
export function isReference(ref: string): boolean {
  return !ref.startsWith('/') && 'value' in parseImageReference(ref);
}

function optionsIn(value: unknown): { readonly reason?: string } {
  const options = decoded(dictionary(variant), value);
  for (const name of options.keys()) {
    if (name !== 'reason') throw new AgentError('usage', `there is no option ${short(name, 'an option', 64)}`);
  }
  const reason = options.get('reason');
  if (reason === undefined) return {};
  if (reason.signature !== 's') throw new AgentError('usage', 'the option reason is a text');
  return { reason: short(decoded(text, reason.value), 'a reason', argumentLimits.reason) };
}

function several(values: readonly string[], what: string): readonly string[] {
  if (values.length >= 1 && values.length <= argumentLimits.names) return values;
  throw new AgentError('usage', `give 1 to ${argumentLimits.names} ${what}s, not ${values.length}`);
}

function atMost(values: readonly string[], what: string): readonly string[] {
  return values.length === 0 ? values : several(values, what);
}

function short(value: string, what: string, limit: number): string {
  if (value.length <= limit) return value;
  throw new AgentError('usage', `${what} has at most ${limit} characters, not ${value.length}`);
}

/** The signature of the message was compared: what does not decode is a mistake of ours. */
function decoded<T>(of: Decoder<T>, value: unknown): T {
  return of.decode(value);
}
