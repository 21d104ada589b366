import { lengthOf, type FileNode, type SymlinkNode } from '../../core/tree.ts';
import type { SoundEntry } from './judge.ts';
import { compareBytes, parentOf, splitTop } from './paths.ts';
import { etcDirectory } from './relocate.ts';
import type { ImageSettings } from './settings.ts';

const releaseDirectory = 'usr/lib/extension-release.d';
const unitDirectory = 'usr/lib/systemd/system';

/** The files that make a tree an extension: all of them from what the packages brought, and from nothing else. */
export function generate(nodes: readonly SoundEntry[], settings: ImageSettings, mtime: number): readonly SoundEntry[] {
  return [
    ...releaseFiles(settings, mtime),
    ...tmpfiles(nodes, settings.name, mtime),
    ...nodes.filter(isStartable).map((unit) => upholds(unit.path, settings.name, mtime)),
  ];
}

/** Whether a path says what the system or an extension is: only the extension itself may say that of itself. */
export function isIdentity(path: string): boolean {
  return path === 'usr/lib/os-release' || path === releaseDirectory || path.startsWith(`${releaseDirectory}/`);
}

/**
 * What systemd compares with the host's os-release (extension-release(5)). It looks for the name of the image file;
 * the link makes the name of the extension as good, should the file be renamed to it.
 */
function releaseFiles(settings: ImageSettings, mtime: number): readonly SoundEntry[] {
  const { name, imageName } = settings;
  const path = `${releaseDirectory}/extension-release.${name}`;
  const file = textFile(path, releaseText(settings), mtime);
  if (imageName === name) return [file];
  const link: SymlinkNode = {
    kind: 'symlink',
    path: `${releaseDirectory}/extension-release.${imageName}`,
    mtime,
    target: `extension-release.${name}`,
  };
  return [file, link];
}

function releaseText(settings: ImageSettings): string {
  const { architecture, osId, osVersionId = '', sysextLevel = '' } = settings;
  return lines([
    `ID=${osId}`,
    `ARCHITECTURE=${architecture}`,
    'EXTENSION_RELOAD_MANAGER=1',
    ...(osVersionId === '' ? [] : [`VERSION_ID=${osVersionId}`]),
    ...(sysextLevel === '' ? [] : [`SYSEXT_LEVEL=${sysextLevel}`]),
  ]);
}

/** Has systemd-tmpfiles copy to /etc what the packages have there and the host has not (`C+`, tmpfiles.d(5)). */
function tmpfiles(nodes: readonly SoundEntry[], name: string, mtime: number): readonly FileNode[] {
  const kept = `${etcDirectory(name)}/`;
  const entries = nodes
    .filter(({ path }) => path.startsWith(kept))
    .map(({ path }) => splitTop(path.slice(kept.length))[0]);
  if (entries.length === 0) return [];
  const text = [...new Set(entries)]
    .sort(compareBytes)
    .map((entry) => `C+ ${word(`/etc/${entry}`)} - - - - ${argument(`/${kept}${entry}`)}`);
  return [textFile(`usr/lib/tmpfiles.d/10-${name}.conf`, lines(text), mtime)];
}

/**
 * A path as the second field of a tmpfiles.d line: words may be quoted, and `%` begins a specifier (tmpfiles.d(5)).
 * Escapes like `\x20` are no alternative to quotes, since older versions do not know them in this field.
 */
function word(path: string): string {
  const literal = path.replaceAll('%', '%%');
  return /[ "'\\]/.test(literal) ? `"${literal.replace(/["\\]/g, '\\$&')}"` : literal;
}

/** A path as the last field: the rest of the line, where quotes mean themselves and C escapes are read (tmpfiles.d(5)). */
function argument(path: string): string {
  return path.replaceAll('%', '%%').replaceAll('\\', '\\\\').replace(/ $/, '\\x20');
}

/** Whether systemd can start this: a service that is no template, is not hidden, and is not masked (systemd.unit(5)). */
function isStartable(node: SoundEntry): boolean {
  if (parentOf(node.path) !== unitDirectory || node.kind === 'directory') return false;
  if (!/^[A-Za-z0-9:_\\-][A-Za-z0-9:_.\\-]*\.service$/.test(unitOf(node.path))) return false;
  return node.kind === 'symlink' ? node.target !== '/dev/null' : lengthOf(node.content) > 0;
}

function unitOf(path: string): string {
  return path.slice(unitDirectory.length + 1);
}

/** Keeps a service running as long as the extension is merged (`Upholds=`, systemd.unit(5)). */
function upholds(path: string, name: string, mtime: number): FileNode {
  const unit = unitOf(path);
  const dropIn = `${unitDirectory}/multi-user.target.d/10-${name}-${unit.replace(/\.service$/, '')}.conf`;
  return textFile(dropIn, lines(['[Unit]', `Upholds=${unit}`]), mtime);
}

function textFile(path: string, text: string, mtime: number): FileNode {
  return { kind: 'file', path, mode: 0o644, mtime, content: { kind: 'bytes', bytes: Buffer.from(text) } };
}

function lines(text: readonly string[]): string {
  return text.map((line) => `${line}\n`).join('');
}
