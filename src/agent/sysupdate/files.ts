import { join } from 'node:path';

import { readDropIns } from '../../host/drop-ins.ts';
import { fileStatus, listNames } from '../../host/files.ts';
import { belowRoot } from '../../host/root.ts';
import { parseSettingsText, settingOf, truthOf } from './settings-text.ts';
import type { TransferFile } from './transfer.ts';

/** Where definitions of systemd-sysupdate are, highest precedence first (sysupdate.d(5)). */
const bases = ['/etc', '/run', '/usr/local/lib', '/usr/lib'];

export interface SysupdateFiles {
  readonly transfers: readonly TransferFile[];
  /** The features that are switched on. */
  readonly features: ReadonlySet<string>;
}

/**
 * Reads the definitions of systemd-sysupdate, of the system and of all components, with their drop-ins.
 * @throws AgentError `io`
 */
export function readSysupdateFiles(root: string): SysupdateFiles {
  const directories = [...new Set(bases.flatMap((base) => namesIn(belowRoot(root, base))))].sort();
  const features = directories.flatMap((directory) =>
    unitsIn(root, directory, ['.feature'])
      .filter(({ settings }) => truthOf(settingOf(settings, 'Feature.Enabled')) === true)
      .map(({ name }) => name.replace(/\.feature$/, '')),
  );
  const transfers = directories.flatMap((directory) => {
    const [, component] = /^sysupdate\.(.+)\.d$/.exec(directory) ?? [];
    return unitsIn(root, directory, ['.transfer', '.conf']).map(({ path, settings }) => ({
      path,
      settings,
      ...(component === undefined ? {} : { component }),
    }));
  });
  return { transfers, features: new Set(features) };
}

function namesIn(base: string): readonly string[] {
  if (fileStatus(base)?.isDirectory() !== true) return [];
  return listNames(base).filter((name) => /^sysupdate(\..+)?\.d$/.test(name));
}

/** The files of one name of directory with some endings, each with what the directory beside it adds. */
function unitsIn(root: string, directory: string, endings: readonly string[]) {
  const paths = bases.map((base) => belowRoot(root, join(base, directory)));
  return endings.flatMap((ending) =>
    readDropIns(paths, ending).map(({ name, path, text }) => {
      const added = readDropIns(
        paths.map((base) => join(base, `${name}.d`)),
        '.conf',
      );
      return { name, path, settings: parseSettingsText([text, ...added.map((one) => one.text)]) };
    }),
  );
}
