import { messageCatalog } from '../src/core/messages.ts';

/** One file of the package, from the checkout unless it is made; `to` is its path on the host without the first slash. */
export type PackagedFile = { readonly to: string; readonly mode?: number } & (
  | { readonly kind: 'copy'; readonly from: string }
  | { readonly kind: 'tree'; readonly from: string }
  /** A program, without what only a debugger reads. */
  | { readonly kind: 'program'; readonly from: string }
  /** The texts of the files that match these patterns, one after the other. */
  | { readonly kind: 'gzip'; readonly from: readonly string[] }
  | { readonly kind: 'link'; readonly target: string }
  /** What a program of the package prints. */
  | { readonly kind: 'output'; readonly program: string; readonly args: readonly string[] }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'directory' }
);

const own = 'usr/lib/sysext-agent';
const documents = 'usr/share/doc/sysext-agent';

/**
 * Everything that a package of the agent brings, in the order in which it is put together.
 * @param architecture as Node says it.
 * @param libraries the directories of the libraries that the bundle is made of.
 */
export function packageLayout(architecture: string, libraries: readonly string[]): readonly PackagedFile[] {
  return [
    { kind: 'tree', from: 'dist', to: own },
    { kind: 'program', from: `node_modules/node-linux-${architecture}/bin/node`, to: `${own}/node`, mode: 0o755 },
    { kind: 'link', to: 'usr/bin/sysext-agent', target: '../lib/sysext-agent/sysext-agent' },
    ...completions,
    ...systemdFiles,
    ...busFiles,
    ...packageManagerHooks,
    ...manuals,
    ...documentation(architecture, libraries),
    ...['agent.d', 'extensions.d', 'health.d', 'targets.d'].map(
      (name) => ({ kind: 'directory', to: `etc/sysext-agent/${name}` }) as const,
    ),
  ];
}

const completions: readonly PackagedFile[] = [
  ['bash', 'usr/share/bash-completion/completions/sysext-agent'],
  ['zsh', 'usr/share/zsh/vendor-completions/_sysext-agent'],
  ['fish', 'usr/share/fish/vendor_completions.d/sysext-agent.fish'],
].map(([shell = '', to = '']) => ({ kind: 'output', program: `${own}/sysext-agent`, args: ['completion', shell], to }));

const systemdFiles: readonly PackagedFile[] = [
  { kind: 'tree', from: 'systemd-units', to: 'usr/lib/systemd/system' },
  {
    kind: 'copy',
    from: 'packaging/systemd/90-sysext-agent.preset',
    to: 'usr/lib/systemd/system-preset/90-sysext-agent.preset',
  },
  { kind: 'copy', from: 'packaging/systemd/tmpfiles.conf', to: 'usr/lib/tmpfiles.d/sysext-agent.conf' },
  { kind: 'text', text: messageCatalog(), to: 'usr/lib/systemd/catalog/sysext-agent.catalog' },
];

const busFiles: readonly PackagedFile[] = [
  ['dbus/io.github.SysextAgent1.conf', 'dbus-1/system.d'],
  ['dbus/io.github.SysextAgent1.service', 'dbus-1/system-services'],
  ['polkit/io.github.SysextAgent1.policy', 'polkit-1/actions'],
].map(([from = '', to = '']) => {
  return { kind: 'copy', from: `packaging/${from}`, to: `usr/share/${to}/${from.replace(/^.*\//, '')}` };
});

const packageManagerHooks: readonly PackagedFile[] = [
  { kind: 'copy', from: 'packaging/hooks/apt/80sysext-agent', to: 'etc/apt/apt.conf.d/80sysext-agent' },
  { kind: 'copy', from: 'packaging/hooks/apt/dpkg.cfg', to: 'etc/dpkg/dpkg.cfg.d/sysext-agent' },
];

const manuals: readonly PackagedFile[] = ['sysext-agent.1', 'sysext-agent.yml.5', 'extensions.d.5'].map((name) => ({
  kind: 'gzip',
  from: [`docs/man/${name}`],
  to: `usr/share/man/man${name.slice(-1)}/${name}.gz`,
}));

function documentation(architecture: string, libraries: readonly string[]): readonly PackagedFile[] {
  return [
    { kind: 'copy', from: 'packaging/debian/copyright', to: `${documents}/copyright` },
    { kind: 'gzip', from: ['packaging/debian/changelog'], to: `${documents}/changelog.gz` },
    { kind: 'gzip', from: ['CHANGELOG.md'], to: `${documents}/CHANGELOG.md.gz` },
    { kind: 'gzip', from: [`node_modules/node-linux-${architecture}/LICENSE`], to: `${documents}/NODE-LICENSE.gz` },
    { kind: 'gzip', from: libraries.map((path) => `${path}/{LICENSE,license}*`), to: `${documents}/LIBRARIES.gz` },
    { kind: 'tree', from: 'examples', to: `${documents}/examples` },
    { kind: 'copy', from: 'packaging/debian/lintian-overrides', to: 'usr/share/lintian/overrides/sysext-agent' },
  ];
}
