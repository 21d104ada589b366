import { AgentError } from '../core/errors.ts';
import { openWindow, type Window } from './content.ts';

/** One member of an ar archive: where its bytes are in the archive's file. */
export interface ArMember {
  readonly name: string;
  readonly offset: number;
  readonly length: number;
}

const magic = '!<arch>\n';
const headerSize = 60;

/** A Debian package has three members, signed ones a few more. */
const maxMembers = 64;

/**
 * Lists the members of an ar archive in the common format of deb(5): short names only.
 * @throws AgentError `content-refused` where the file is something else, damaged or truncated.
 */
export function readAr(path: string): readonly ArMember[] {
  using window = openWindow(path, 4096);
  const refuse = (why: string): AgentError => new AgentError('content-refused', `${path} ${why}`);
  if (window.size < magic.length || text(window, 0, magic.length) !== magic) throw refuse('is not an ar archive');
  const members: ArMember[] = [];
  for (let offset = magic.length; offset < window.size;) {
    const member = readMember(window, offset, refuse);
    members.push(member);
    if (members.length > maxMembers) throw refuse(`has more than ${maxMembers} members`);
    const end = member.offset + member.length;
    offset = end + (end % 2);
  }
  return members;
}

function readMember(window: Window, offset: number, refuse: (why: string) => AgentError): ArMember {
  if (offset + headerSize > window.size) throw refuse(`ends within the ar header at byte ${offset}`);
  const header = text(window, offset, headerSize);
  const name = header.slice(0, 16).trimEnd().replace(/\/$/, '');
  const size = header.slice(48, 58).trimEnd();
  if (!header.endsWith('`\n') || !/^\d+$/.test(size) || !/^[\w.+-]+$/.test(name)) {
    throw refuse(`has a malformed ar header at byte ${offset}`);
  }
  const member = { name, offset: offset + headerSize, length: Number(size) };
  if (member.offset + member.length > window.size) throw refuse(`ends within its member ${name}`);
  return member;
}

function text(window: Window, offset: number, length: number): string {
  return window.read(offset, length).toString('latin1');
}
