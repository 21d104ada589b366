import type { Allowance } from '../core/contents/allow.ts';
import { AgentError } from '../core/errors.ts';
import { readDropIns } from '../host/drop-ins.ts';
import { fileStatus, readText } from '../host/files.ts';
import { belowRoot } from '../host/root.ts';
import type { Settings } from './settings-file.ts';

/** Where configuration is, highest precedence first. */
const directories = ['/etc', '/run', '/usr/local/lib', '/usr/lib'].map((path) => `${path}/sysext-agent`);

/**
 * Reads `agent.yml` of the first directory that has one, and the files of `agent.d`; what they allow adds up.
 * @throws AgentError `invalid-config` with the problems of a file, or where others than root could have written it.
 */
export async function readSettings(root: string): Promise<Settings> {
  const files = configurationFiles(root);
  if (files.length === 0) return { allow: [], extensions: new Map() };
  for (const { path } of files) requireTrusted(path);
  const { parseSettings } = await import('./settings-file.ts');
  return joined(files.map(({ path, text }) => parseSettings(text, path)));
}

function configurationFiles(root: string): { readonly path: string; readonly text: string }[] {
  const main = directories
    .map((directory) => belowRoot(root, `${directory}/agent.yml`))
    .find((path) => fileStatus(path) !== undefined);
  const isFile = main !== undefined && fileStatus(main)?.isFile() === true;
  const dropIns = readDropIns(
    directories.map((directory) => belowRoot(root, `${directory}/agent.d`)),
    '.yml',
  );
  // A link to /dev/null hides the file in the other directories.
  return [...(isFile ? [{ path: main, text: readText(main) }] : []), ...dropIns];
}

/** Whoever may write it decides what root merges. */
function requireTrusted(path: string): void {
  const status = fileStatus(path);
  const owner = status?.uid;
  if (status !== undefined && (owner === 0 || owner === process.getuid?.()) && (status.mode & 0o022) === 0) return;
  throw new AgentError('invalid-config', `${path} does not belong to root alone: others could have written it`, {
    left: 'Nothing was changed.',
    next: `Look at what it says, then: chown root ${path} && chmod go-w ${path}`,
  });
}

function joined(all: readonly Settings[]): Settings {
  const extensions = new Map<string, readonly Allowance[]>();
  for (const [name, allow] of all.flatMap((settings) => [...settings.extensions])) {
    extensions.set(name, [...(extensions.get(name) ?? []), ...allow]);
  }
  return { allow: all.flatMap(({ allow }) => allow), extensions };
}

/** What the configuration allows in an extension. */
export function allowedBy(settings: Settings, name: string): readonly Allowance[] {
  return [...settings.allow, ...(settings.extensions.get(name) ?? [])];
}
