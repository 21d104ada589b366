import type { SystemdVersion } from './systemd-version.ts';

/** A class of extensions of systemd-sysext(8): everything in which the two differ. */
export interface ExtensionClass {
  readonly name: 'sysext' | 'confext';
  /** What merges them: one program, which goes by the name that it is called by. */
  readonly program: 'systemd-sysext' | 'systemd-confext';
  /** The first systemd that has it. */
  readonly since: number;
  /** The directories that they extend, in the order of `status`. */
  readonly hierarchies: readonly string[];
  /** The directory in each merged hierarchy that tells of the merge. */
  readonly metadata: string;
  /** The file in there that names what is merged. */
  readonly namesFile: string;
  /** Where images have their extension-release file. */
  readonly releaseDirectory: string;
  /** The field of an extension-release file that says where they may be merged. */
  readonly scopeField: string;
  /** The field of extension-release and os-release files that stands for a version. */
  readonly levelField: string;
  /** The file that configures the program (sysext.conf(5)). */
  readonly configuration: string;
  /** Where systemd looks for them, highest precedence first. */
  searchDirectories(systemd: SystemdVersion): readonly string[];
}

/** System extensions: programs and libraries for /usr and /opt. */
export const sysext: ExtensionClass = {
  name: 'sysext',
  program: 'systemd-sysext',
  since: 248,
  hierarchies: ['/opt', '/usr'],
  metadata: '.systemd-sysext',
  namesFile: 'extensions',
  releaseDirectory: '/usr/lib/extension-release.d',
  scopeField: 'SYSEXT_SCOPE',
  levelField: 'SYSEXT_LEVEL',
  configuration: 'sysext.conf',
  searchDirectories: ({ major }) => {
    const directories = ['/etc/extensions', '/run/extensions', '/var/lib/extensions'];
    return major >= 254 ? directories : [...directories, '/usr/local/lib/extensions', '/usr/lib/extensions'];
  },
};

/** Configuration extensions: settings for /etc. */
export const confext: ExtensionClass = {
  name: 'confext',
  program: 'systemd-confext',
  since: 254,
  hierarchies: ['/etc'],
  metadata: '.systemd-confext',
  namesFile: 'confexts',
  releaseDirectory: '/etc/extension-release.d',
  scopeField: 'CONFEXT_SCOPE',
  levelField: 'CONFEXT_LEVEL',
  configuration: 'confext.conf',
  searchDirectories: ({ major }) =>
    major >= 254 ? ['/run/confexts', '/var/lib/confexts', '/usr/local/lib/confexts', '/usr/lib/confexts'] : [],
};

/** By their names. */
export const extensionClasses = { sysext, confext } as const;
export type ClassName = keyof typeof extensionClasses;
