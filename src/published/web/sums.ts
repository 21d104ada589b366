import { AgentError } from '../../core/errors.ts';
import { quote } from '../../core/yaml/text.ts';
import type { VerifiedList } from '../trust/trust.ts';

/** A list of files is not larger, in bytes. */
export const largestList = 4 * 1024 * 1024;

const mark = 'BEST-BEFORE-';

/** The hash of nothing, which stands beside a mark that is no file. */
const hashOfNothing = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/**
 * Reads a SHA256SUMS by the rules of systemd-sysupdate, which are stricter than those of sha256sum(1): what is anything else
 * than a list of plain file names is refused as a whole.
 * @param source where it is from, for messages.
 * @returns the sha256 of each file, in hexadecimal; of a packed file that of the packed bytes.
 * @throws AgentError `verification-failed`, also where the list says that it is out of date.
 */
export function parseSums(list: VerifiedList, source: string, now: Date): ReadonlyMap<string, string> {
  const text = textOf(list.bytes);
  if (text === undefined) throw malformed(source, 'it is not text in UTF-8');
  if (text !== '' && !text.endsWith('\n')) throw malformed(source, 'its last line has no end: it is cut off');
  const sums = new Map<string, string>();
  for (const [index, line] of text.split('\n').slice(0, -1).entries()) {
    const { hash, name, fault } = readLine(line);
    if (fault !== undefined) throw malformed(source, `line ${index + 1}: ${fault}`);
    if (sums.has(name)) throw malformed(source, `line ${index + 1}: ${quote(name)} is there twice`);
    if (name.startsWith(mark) && hash === hashOfNothing) requireFresh(name, source, now);
    else sums.set(name, hash);
  }
  return sums;
}

function readLine(line: string): { readonly hash: string; readonly name: string; readonly fault: string | undefined } {
  const [, hash = '', name = ''] = /^([0-9A-Fa-f]{64}) [ *](.+)$/s.exec(line) ?? [];
  const fault = hash === '' ? 'it is not a sha256, two characters and a name' : faultOfName(name);
  return { hash: hash.toLowerCase(), name, fault };
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function faultOfName(name: string): string | undefined {
  if (/\p{C}/u.test(name)) return 'there are control characters in the name';
  if (/[/\\]/.test(name)) return `${quote(name)} is a path: only names of files are read`;
  if (name.includes('%')) return `${quote(name)}: no % is allowed in a name`;
  return name === '.' || name === '..' || name.length > 255 ? `${quote(name)} is no name of a file` : undefined;
}

/** From the beginning of that day on, in UTC, the list is out of date: a server that is kept from updates shows so. */
function requireFresh(name: string, source: string, now: Date): void {
  const day = name.slice(mark.length);
  const time = /^\d{4}-\d{2}-\d{2}$/.test(day) ? Date.parse(day) : NaN;
  if (Number.isNaN(time)) throw malformed(source, `${quote(name)} has no day such as ${mark}2027-01-31`);
  if (time > now.getTime()) return;
  throw new AgentError('verification-failed', `${source} is out of date: it was good before ${day}`, {
    unverified: 'outdated',
    facts: [`the clock of this host says ${now.toISOString().slice(0, 10)}`],
    left: 'Nothing was fetched or changed.',
    next: 'Look whether the clock is right; else the server gets no updates any more, or somebody keeps them from this host.',
  });
}

function malformed(source: string, why: string): AgentError {
  return new AgentError('verification-failed', `${source} cannot be used as a list of files: ${why}`, {
    left: 'Nothing was fetched or changed.',
    next: 'Tell who publishes it; `sha256sum --binary *.raw > SHA256SUMS` makes a right one.',
  });
}
