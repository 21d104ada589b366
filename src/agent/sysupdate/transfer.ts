import { isExtensionName } from '../../core/names.ts';
import type { ReleaseFields } from '../../core/os-release.ts';
import { quote } from '../../core/yaml/text.ts';
import { decodeDropIn } from '../fleet/drop-in-decoder.ts';
import { settingOf, truthOf, wordsOf, type SettingsText } from './settings-text.ts';

/** A transfer file of sysupdate.d(5), as it was found. */
export interface TransferFile {
  readonly path: string;
  /** Of `sysupdate.jq.d` it is `jq`; absent for `sysupdate.d`. */
  readonly component?: string;
  readonly settings: SettingsText;
}

/** What this host is, as far as paths of transfer files may say it with specifiers. */
export interface TransferHost {
  /** In systemd's spelling. */
  readonly architecture: string;
  readonly release: ReleaseFields;
  /** The features that are switched on. */
  readonly features: ReadonlySet<string>;
}

/** What became of one transfer file. */
export type Migrated =
  | {
      readonly kind: 'drop-in';
      readonly path: string;
      /** The extension. */
      readonly name: string;
      /** The drop-in for it. */
      readonly text: string;
      /** What it does not say, or what else is needed. */
      readonly notes: readonly string[];
    }
  /** @see why it has no drop-in. */
  | { readonly kind: 'left-out'; readonly path: string; readonly why: string };

/** Makes a drop-in of extensions.d of a transfer file whose target is an extension. */
export function migrated(file: TransferFile, host: TransferHost): Migrated {
  const { path, settings } = file;
  const leftOut = (why: string): Migrated => ({ kind: 'left-out', path, why });
  const target = targetProblem(settings);
  if (target !== undefined) return leftOut(target);
  const off = missingFeature(settings, host.features);
  if (off !== undefined) return leftOut(off);
  const source = sourceOf(settings, host);
  if ('problem' in source) return leftOut(source.problem);
  const name = nameOf(file);
  if (name === undefined)
    return leftOut('no name of an extension can be told from its link, its patterns or its component');
  const text = dropInText(path, name, source.from, settings);
  const decoded = decodeDropIn(text, path);
  if (!decoded.ok) return leftOut(decoded.problems.map(({ message }) => message).join('; '));
  return { kind: 'drop-in', path, name, text, notes: notesOf(settings, source, name) };
}

const extensionDirectory = /(^|\/)extensions(\/|$)/;

/** Only what systemd-sysext finds is an extension. */
function targetProblem(settings: SettingsText): string | undefined {
  const type = settingOf(settings, 'Target.Type') ?? '';
  if (!['regular-file', 'directory', 'subvolume'].includes(type))
    return `its target is of type ${quote(type)}: no extension`;
  const places = [settingOf(settings, 'Target.Path'), settingOf(settings, 'Target.CurrentSymlink')];
  return places.some((place) => place !== undefined && extensionDirectory.test(place))
    ? undefined
    : 'its target is in no directory of extensions';
}

function missingFeature(settings: SettingsText, enabled: ReadonlySet<string>): string | undefined {
  const anyOf = wordsOf(settings, 'Transfer.Features');
  const missing = wordsOf(settings, 'Transfer.RequisiteFeatures').find((feature) => !enabled.has(feature));
  if (missing !== undefined) return `its feature ${quote(missing)} is off`;
  return anyOf.length === 0 || anyOf.some((feature) => enabled.has(feature))
    ? undefined
    : `its features ${anyOf.map(quote).join(', ')} are off`;
}

type Source = { readonly from: string; readonly expanded: boolean } | { readonly problem: string };

function sourceOf(settings: SettingsText, host: TransferHost): Source {
  const type = settingOf(settings, 'Source.Type') ?? '';
  if (!['url-file', 'url-tar', 'regular-file', 'tar'].includes(type)) {
    return {
      problem: `its source is of type ${quote(type)}: only url-file, url-tar, regular-file and tar can be carried over`,
    };
  }
  const path = settingOf(settings, 'Source.Path');
  if (path === undefined) return { problem: 'its source has no Path=' };
  const from = expanded(path, host);
  if (from === undefined) return { problem: `the specifiers in ${quote(path)} cannot be filled in` };
  return { from: from.endsWith('/') ? from : `${from}/`, expanded: from !== path };
}

/** A path whose specifiers are filled in; undefined where one is not known. */
function expanded(path: string, { architecture, release }: TransferHost): string | undefined {
  const values: Readonly<Record<string, string | undefined>> = {
    '%': '%',
    a: architecture,
    A: release['IMAGE_VERSION'],
    B: release['BUILD_ID'],
    M: release['IMAGE_ID'],
    o: release['ID'],
    w: release['VERSION_ID'],
    W: release['VARIANT_ID'],
  };
  const unknown = Array.from(path.matchAll(/%(.?)/g)).some(([, letter = '']) => values[letter] === undefined);
  return unknown ? undefined : path.replace(/%(.)/g, (_, letter: string) => values[letter] ?? '');
}

/** The name that the extension has now: that of its link, else what stands before the version in a pattern. */
function nameOf({ settings, component }: TransferFile): string | undefined {
  const link = settingOf(settings, 'Target.CurrentSymlink')?.split('/').at(-1);
  const patterns = [...wordsOf(settings, 'Target.MatchPattern'), ...wordsOf(settings, 'Source.MatchPattern')];
  const names = [
    link?.replace(/\.raw$/, ''),
    ...patterns.map((pattern) => /^([^@%]+?)[-_.]?@v/.exec(pattern)?.[1]),
    component,
  ];
  return names.find((name) => name !== undefined && isExtensionName(name));
}

function dropInText(path: string, name: string, from: string, settings: SettingsText): string {
  const patterns = wordsOf(settings, 'Source.MatchPattern').map((pattern) => JSON.stringify(pattern));
  const lowest = settingOf(settings, 'Transfer.MinVersion');
  return [
    `# From ${path}`,
    'extensions:',
    `  ${name}:`,
    `    from: ${JSON.stringify(from)}`,
    `    match: ${patterns.length === 1 ? (patterns[0] ?? '') : `[${patterns.join(', ')}]`}`,
    ...(lowest === undefined ? [] : [`    version: ${JSON.stringify(`>=${lowest}`)}`]),
    '',
  ].join('\n');
}

/** Keys that need no word: what they say is carried over, or means nothing here. */
const carried: ReadonlySet<string> = new Set([
  'Transfer.MinVersion',
  'Transfer.Verify',
  'Transfer.Features',
  'Transfer.RequisiteFeatures',
  'Source.Type',
  'Source.Path',
  'Source.MatchPattern',
  'Source.PathRelativeTo',
  'Target.Type',
  'Target.Path',
  'Target.PathRelativeTo',
  'Target.MatchPattern',
  'Target.CurrentSymlink',
  'Target.RemoveTemporary',
]);

/** What there is instead of keys that have no counterpart. */
const instead: Readonly<Record<string, string>> = {
  'Transfer.ProtectVersion': 'the version in use is always kept',
  'Target.InstancesMax': '`sysext-agent gc` keeps what the last sets of extensions need',
  'Target.TriesLeft': 'a set that does not come up well is rolled back: see boot.md',
  'Target.TriesDone': 'a set that does not come up well is rolled back: see boot.md',
  'Target.Mode': 'images belong to root and are read-only',
  'Target.ReadOnly': 'images belong to root and are read-only',
};

function notesOf(settings: SettingsText, source: { from: string; expanded: boolean }, name: string): readonly string[] {
  const place = source.from.replace(/\/$/, '');
  const rule = (basis: string) => `trust: [{place: ${JSON.stringify(place)}, names: [${name}], ${basis}}]`;
  const verify = truthOf(settingOf(settings, 'Transfer.Verify')) ?? true;
  const plain = source.from.startsWith('http://')
    ? [
        `http is not encrypted: write into a file of agent.d: web_servers: {"${new URL(source.from).host}": {plain_http: true}}`,
      ]
    : [];
  const local = source.from.startsWith('/')
    ? [`what lies in ${place} must be listed there: sha256sum --binary *.raw > SHA256SUMS`]
    : [];
  const others = Array.from(settings.keys()).filter((key) => !carried.has(key));
  return [
    verify
      ? `Verify=yes: copy the key out of /etc/systemd/import-pubring.gpg into keys/ and write into a file of agent.d: ${rule(`keys: [${name}.gpg]`)}`
      : `Verify=no: nothing of it is signed; to take it so, write into a file of agent.d: ${rule('unsigned: allowed')}`,
    ...plain,
    ...local,
    ...(source.expanded
      ? [`the specifiers in its path were filled in with what this host is now: ${source.from}`]
      : []),
    ...others.map(
      (key) => `${key.replace(/^.*\./, '')}= is not carried over: ${instead[key] ?? 'there is nothing like it'}`,
    ),
  ];
}
