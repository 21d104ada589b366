import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { assemble } from '../../../../src/builder/tree/assemble.ts';
import { noSurroundings, type Surroundings } from '../../../../src/core/contents/contents.ts';
import { contentsFindings, contentsRules } from '../../../../src/core/contents/rules.ts';
import type { ImageEntry } from '../../../../src/core/image-entry.ts';
import type { ArchiveEntry, Tree } from '../../../../src/core/tree.ts';
import { entry, host, image } from './images.ts';

type Entries = readonly (string | ImageEntry)[];

/** Which paths a rule names, of an image with these entries. */
function found(rule: string, entries: Entries, surroundings: Surroundings = noSurroundings): readonly string[] {
  const findings = contentsFindings(image(...entries), surroundings).filter((finding) => finding.rule === rule);
  return findings.flatMap(({ paths }) => paths);
}

const triplet = 'usr/lib/x86_64-linux-gnu';

/** Entries of an image, each of which the rule names, and such as it does not name. */
const cases: Readonly<Record<string, { readonly finds: Entries; readonly passes: Entries }>> = {
  'os-release': { finds: ['usr/lib/os-release'], passes: ['usr/share/tool/os-release', 'usr/lib/os-release.d/x'] },
  device: {
    finds: (['character-device', 'block-device', 'fifo', 'socket'] as const).map((kind) =>
      entry(`usr/lib/${kind}`, { kind }),
    ),
    passes: ['usr/lib/x', 'usr/lib/', 'usr/lib/y -> x'],
  },
  'overlay-attribute': {
    finds: [entry('usr/share/', { overlay: true }), entry('usr/bin/tool', { overlay: true })],
    passes: ['usr/share/', 'usr/bin/other'],
  },
  'foreign-release': {
    finds: ['extension-release.other', 'extension-release.tools -> extension-release.other'].map(release),
    passes: [
      'extension-release.tool',
      'extension-release.tool_1.2',
      'extension-release.tool-v1-x86-64 -> extension-release.tool',
      'README',
    ].map(release),
  },
  'own-files': {
    finds: [
      'usr/bin/sysext-agent',
      'usr/lib/sysext-agent/targets.d/evil.yml',
      'usr/local/lib/sysext-agent -> elsewhere',
      'usr/lib/systemd/system/sysext-agent.service',
    ],
    passes: ['usr/share/doc/sysext-agent/README', 'usr/lib/sysext-agents/x'],
  },
  'host-libc': {
    finds: [
      'usr/lib/libc.so.6',
      'usr/lib64/ld-linux-x86-64.so.2 -> ld-2.36.so',
      'usr/lib/ld-musl-x86_64.so.1',
      `${triplet}/libm.so.6`,
      `${triplet}/glibc-hwcaps/x86-64-v3/libc.so.6`,
      'usr/local/lib/libpthread.so.0',
      'usr/lib/libc-2.31.so',
    ],
    passes: ['usr/lib/tool/libc.so.6', 'opt/tool/lib/ld-linux-x86-64.so.2', 'usr/lib/libcurl.so.4', 'usr/lib/libc.so'],
  },
  systemd: {
    finds: [
      'usr/lib/systemd/systemd',
      'usr/lib/systemd/systemd-udevd',
      'usr/bin/systemd-sysext',
      'usr/sbin/init -> ../lib/systemd/systemd',
      'usr/lib/systemd/libsystemd-shared-257.so',
      `${triplet}/systemd/libsystemd-core-257.so`,
    ],
    passes: ['usr/lib/systemd/system/systemd-tool.service', 'usr/lib/systemd/system-generators/tool', 'usr/bin/system'],
  },
  setuid: {
    finds: [entry('usr/bin/root', { mode: 0o4755 }), entry('usr/bin/group', { mode: 0o2755 })],
    passes: ['usr/bin/tool', entry('usr/share/tool/', { mode: 0o2755 })],
  },
  'file-capabilities': {
    finds: [entry('usr/bin/ping', { capability: true })],
    passes: ['usr/bin/tool'],
  },
  'world-writable': {
    finds: [entry('usr/bin/tool', { mode: 0o777 }), entry('usr/share/tool/', { mode: 0o777 })],
    passes: ['usr/bin/link -> tool', entry('usr/share/tool/', { mode: 0o1777 })],
  },
  owner: {
    finds: [entry('usr/bin/user', { uid: 1000 }), entry('usr/bin/group', { gid: 50 })],
    passes: ['usr/bin/tool'],
  },
  pam: {
    finds: ['usr/lib/pam.d/tool', `${triplet}/security/pam_tool.so`, 'usr/share/tool/etc/pam.d/login'],
    passes: ['usr/share/doc/pam.d', 'usr/lib/security/README', 'usr/share/tool/etc/tool.conf'],
  },
  nss: {
    finds: [`${triplet}/libnss_tool.so.2`, 'usr/lib/libnss_tool.so.2', 'usr/share/tool/etc/nsswitch.conf'],
    passes: [`${triplet}/libnss3.so`, 'opt/tool/libnss_tool.so.2'],
  },
  polkit: {
    finds: ['usr/share/polkit-1/actions/tool.policy', 'usr/share/polkit-1/rules.d/x.rules'],
    passes: ['usr/share/polkit-2/x', 'usr/share/polkit-1/'],
  },
  'dbus-policy': {
    finds: ['usr/share/dbus-1/system.d/tool.conf', 'usr/share/tool/etc/dbus-1/system.d/tool.conf'],
    passes: ['usr/share/dbus-1/services/tool.service', 'usr/share/dbus-1/session.d/tool.conf'],
  },
  'udev-rules': {
    finds: ['usr/lib/udev/rules.d/50-tool.rules', 'usr/lib/udev/rules.d -> ../../share/rules', 'usr/lib/udev -> tool'],
    passes: ['usr/lib/udev/hwdb.d/tool.hwdb', 'usr/lib/udev/rules.d/'],
  },
  generators: {
    finds: [
      'usr/lib/systemd/system-generators/tool',
      'usr/lib/systemd/user-environment-generators/tool',
      'usr/lib/systemd/system-sleep/tool',
    ],
    passes: ['usr/lib/systemd/system/tool.service'],
  },
  sysctl: {
    finds: ['usr/lib/sysctl.d/tool.conf', 'usr/share/tool/etc/sysctl.conf'],
    passes: ['usr/lib/sysctl.d/', 'usr/sbin/sysctl'],
  },
  'kernel-modules': {
    finds: ['usr/lib/modules/6.1/modules.dep', 'usr/lib/modules-load.d/x.conf', 'usr/lib/modprobe.d/x.conf'],
    passes: ['usr/lib/python3/modules/x'],
  },
  presets: {
    finds: ['usr/lib/systemd/system-preset/10-tool.preset'],
    passes: ['usr/lib/systemd/system/tool.service'],
  },
  'privileged-programs': {
    finds: ['usr/bin/sudo', 'usr/sbin/sshd', 'usr/local/bin/su', 'usr/share/tool/etc/sudoers.d/tool'],
    passes: ['usr/bin/sudoku', 'usr/lib/tool/sudo', 'usr/bin/'],
  },
  environment: {
    finds: ['usr/lib/environment.d/50-tool.conf', 'usr/share/tool/etc/ld.so.preload'],
    passes: ['usr/share/tool/etc/profile.d/tool.sh'],
  },
  credstore: {
    finds: ['usr/lib/credstore/token', 'usr/lib/credstore.encrypted/token'],
    passes: ['usr/lib/credstores/x'],
  },
  'not-merged-path': {
    finds: ['etc/passwd', 'var/lib/tool/state', 'srv/link -> x'],
    passes: ['usr/bin/tool', 'opt/tool/x', 'lib -> usr/lib', 'bin/'],
  },
};

function release(text: string): string {
  return `usr/lib/extension-release.d/${text}`;
}

/** Those that need more than a list of entries have their tests below. */
const others = [
  'nothing-to-merge',
  'directory-over-link',
  'foreign-drop-in',
  'shadowed-file',
  'prefix',
  'hides-extension-file',
  'hidden-by-extension',
];

test('every rule is tested, and has a name of its own', () => {
  expect([...Object.keys(cases), ...others].sort()).toEqual(contentsRules.map(({ id }) => id).sort());
});

describe.each(Object.entries(cases))('%s', (rule, { finds, passes }) => {
  test('names what it is about', () => {
    const paths = finds.map((one) => (typeof one === 'string' ? entry(one) : one)).map(({ path }) => `/${path}`);

    expect(found(rule, [...finds, ...passes])).toEqual(paths.sort());
  });

  test('is silent otherwise', () => {
    expect(found(rule, passes)).toEqual([]);
  });
});

describe('host-libc', () => {
  test('passes over a directory for an architecture that the host does not have', () => {
    const libraries = ['usr/lib/i386-linux-gnu/libc.so.6', `${triplet}/libc.so.6`];

    expect(found('host-libc', libraries, host('usr/', 'usr/lib/', `${triplet}/`))).toEqual([`/${triplet}/libc.so.6`]);
  });
});

describe('nothing-to-merge', () => {
  test.each<[string, Entries, number]>([
    ['nothing at all', [], 1],
    ['only /etc', ['etc/', 'etc/passwd'], 1],
    ['an empty /usr', ['usr/'], 1],
    ['a file in /usr', ['usr/', 'usr/x'], 0],
    ['a directory in /opt', ['opt/', 'opt/tool/'], 0],
  ])('%s', (_, entries, count) => {
    const findings = contentsFindings(image(...entries), noSurroundings);

    expect(findings.filter(({ rule }) => rule === 'nothing-to-merge')).toHaveLength(count);
  });
});

test('os-release is found by way of links in the image', () => {
  expect(found('os-release', ['usr/lib -> share', 'usr/share/os-release'])).toEqual(['/usr/lib/os-release']);
  expect(found('os-release', ['usr/lib -> lib', 'usr/share/os-release'])).toEqual([]);
});

describe('directory-over-link', () => {
  const debian = host('usr/', 'usr/lib/', 'usr/sbin -> bin', 'usr/lib/tool -> elsewhere', 'usr/lib/data/', 'opt/');

  test.each<[string, boolean]>([
    ['usr/lib/', false],
    ['usr/lib -> elsewhere', true],
    ['usr/lib', true],
    ['usr/sbin/', true],
    ['usr/sbin', true],
    ['usr/sbin -> bin', false],
    ['usr/sbin -> ../usr/bin', false],
    ['usr/sbin -> /usr/bin', false],
    ['usr/sbin -> lib', true],
    ['usr/new -> lib', false],
    ['usr -> elsewhere', true],
    ['opt', true],
    ['usr/lib/tool/', true],
    ['usr/lib/tool -> other', false],
    ['usr/lib/data -> other', true],
  ])('%s hides something: %s', (path, hides) => {
    expect(found('directory-over-link', [path], debian)).toEqual(hides ? [`/${entry(path).path}`] : []);
  });

  test('says what is there in the image and what on the host', () => {
    const [finding] = contentsFindings(image('usr/sbin/', 'usr/sbin/tool'), debian);

    expect(finding?.message).toContain('/usr/sbin is a directory in it, and a symlink on this host');
  });

  test('passes over documentation, from which nothing runs', () => {
    expect(found('directory-over-link', ['usr/share/doc/tool/'], host('usr/share/doc/tool -> x'))).toEqual([]);
  });
});

describe('foreign-drop-in', () => {
  const unit = (path: string) => `usr/lib/systemd/system/${path}`;

  test.each<[string, readonly string[], boolean]>([
    ['of a unit of the host', ['ssh.service.d/tool.conf'], true],
    ['of all services', ['service.d/tool.conf', 'tool.service'], true],
    ['of a unit of its own', ['tool.service.d/limits.conf', 'tool.service'], false],
    ['of an instance of its own', ['tool@one.service.d/x.conf', 'tool@.service'], false],
    ['of a target, as Dalec makes it', ['multi-user.target.d/10-tool-toold.conf', 'toold.service'], false],
    ['of a target, for a unit of its own', ['multi-user.target.d/10-toold.conf', 'toold.service'], false],
    ['of a target, for a unit that it has not', ['multi-user.target.d/10-tool-sshd.conf', 'toold.service'], true],
    ['that only claims its name', ['multi-user.target.d/10-tool.conf'], true],
  ])('%s', (_, paths, isForeign) => {
    expect(found('foreign-drop-in', paths.map(unit))).toHaveLength(isForeign ? 1 : 0);
  });

  test('of the settings of systemd itself', () => {
    expect(found('foreign-drop-in', ['usr/lib/systemd/journald.conf.d/tool.conf'])).toHaveLength(1);
  });
});

describe('shadowed-file', () => {
  const debian = host('usr/', 'usr/bin/', 'usr/bin/jq', 'usr/lib/', 'usr/lib/x -> y', 'usr/share/doc/jq');
  const findings = (surroundings: Surroundings, ...entries: readonly string[]) =>
    contentsFindings(image(...entries), surroundings).filter(({ rule }) => rule === 'shadowed-file');

  test('names files of the host and their packages, and no directories and documentation', () => {
    const owners = new Map([['usr/bin/jq', 'jq']]);
    const entries = ['usr/bin/', 'usr/bin/jq', 'usr/bin/new', 'usr/lib/x -> y', 'usr/share/doc/jq'];

    const [finding, ...more] = findings({ ...debian, owners }, ...entries);

    expect(more).toEqual([]);
    expect(finding).toMatchObject({ severity: 'tell', paths: ['/usr/bin/jq'] });
    expect(finding?.message).toMatch(/^\/usr\/bin\/jq: this host has the same.*; package jq$/);
  });

  test('counts packages after the fifth', () => {
    const names = Array.from({ length: 8 }, (_, index) => `usr/bin/p${index}`);
    const owners = new Map(names.map((path) => [path, `package-${path.slice(-1)}`]));

    const [finding] = findings({ ...host(...names), owners }, ...names);

    expect(finding?.message).toContain('/usr/bin/p0, /usr/bin/p1, /usr/bin/p2 and 5 more');
    expect(finding?.message).toContain('packages package-0, package-1, package-2, package-3, package-4 and 3 more');
  });

  test('of many programs gives the advice of a prefix', () => {
    const programs = (count: number) => Array.from({ length: count }, (_, index) => `usr/bin/p${index}`);
    const advice = (count: number) => found('prefix', programs(count), host(...programs(count)));

    expect(advice(19)).toEqual([]);
    expect(advice(20)).toHaveLength(20);
  });
});

describe('files of another extension', () => {
  const other = (name: string) => ({ ...noSurroundings, others: [{ name, paths: new Set(['usr/bin/x']) }] });
  const rules = (name: string, path = 'usr/bin/x') =>
    contentsFindings(image(path), other(name)).map(({ rule, message }) => [rule, message]);

  test.each([
    ['alpha', 'hides-extension-file', 'alpha has the same, which would be hidden: tool is the greater name'],
    ['zsh', 'hidden-by-extension', 'zsh has the same, which would hide it: zsh is the greater name'],
    ['tool_', 'hides-extension-file', 'systemd does not say which of the two wins'],
  ])('of the name %s: %s', (name, rule, text) => {
    expect(rules(name)).toEqual([[rule, expect.stringContaining(text)]]);
  });

  test('that are others are none', () => {
    expect(rules('zsh', 'usr/bin/y')).toEqual([]);
    expect(rules('zsh', 'usr/bin/x/')).toEqual([]);
  });
});

describe('a plain set of packages', () => {
  const file = (name: string, mode = 0o644): ArchiveEntry => ({
    name: `./${name}`,
    kind: 'file',
    mode,
    mtime: 0,
    content: { kind: 'bytes', bytes: Buffer.from('x') },
  });
  const link = (name: string, target: string): ArchiveEntry => ({ ...file(name), kind: 'symlink', target });

  /** What the tree of an image is once it is written: everything belongs to root. */
  function entriesOf({ nodes }: Tree): ImageEntry[] {
    return nodes.map((node) => {
      const kind = node.kind === 'hardlink' ? 'file' : node.kind;
      const mode = 'mode' in node ? node.mode : 0o777;
      const plain = { path: node.path, kind, mode, uid: 0, gid: 0, size: 0, mtime: 0 };
      return node.kind === 'symlink' ? { ...plain, target: node.target } : plain;
    });
  }

  test('gives no finding', () => {
    const settings = {
      name: 'tool',
      imageName: 'tool-v1-1-trixie-x86-64',
      architecture: 'x86-64',
      osId: '_any',
    } as const;
    const packages = [
      { name: 'jq', entries: [file('usr/bin/jq', 0o755), file('usr/share/doc/jq/copyright')] },
      {
        name: 'libonig5',
        entries: [
          file(`${triplet}/libonig.so.5.3.0`),
          link(`${triplet}/libonig.so.5`, 'libonig.so.5.3.0'),
          file('usr/share/doc/libonig5/copyright'),
        ],
      },
      {
        name: 'zsh',
        entries: [
          file('bin/zsh', 0o755),
          link('bin/rzsh', '/bin/zsh'),
          file('etc/zsh/zshrc'),
          file(`${triplet}/zsh/5.9/zsh/zle.so`),
          file('usr/share/zsh/functions/Misc/colors'),
        ],
      },
      {
        name: 'toold',
        entries: [
          file('usr/sbin/toold', 0o755),
          file('lib/systemd/system/toold.service'),
          file('lib/systemd/system/toold.socket'),
          file('lib/systemd/system/toold.service.d/limits.conf'),
          file('usr/lib/tmpfiles.d/toold.conf'),
          file('usr/lib/sysusers.d/toold.conf'),
          file('etc/toold/toold.conf'),
          file('etc/default/toold'),
          file('usr/share/bash-completion/completions/toold'),
        ],
      },
    ];
    const { tree } = assemble(packages, settings, () => false);
    const entries = entriesOf(tree);
    const debian = host('usr/', 'usr/bin/', 'usr/sbin/', 'usr/lib/', `${triplet}/`, 'usr/share/', 'opt/');

    expect(entries.length).toBeGreaterThan(30);
    expect(contentsFindings({ name: 'tool', releaseNames: ['tool'], entries }, debian)).toEqual([]);
  });
});

describe('hostile images', () => {
  const names = fc.constantFrom(
    'usr',
    'lib',
    'opt',
    '..',
    'etc',
    'os-release',
    'systemd',
    'x.d',
    'a\u001b[2J',
    '\ud800',
    '\0',
  );
  const anything = fc.oneof(names, fc.string({ unit: 'binary' }));
  const paths = fc.array(anything, { maxLength: 6 }).map((parts) => parts.join('/'));
  const entries = fc.record({
    path: paths,
    kind: fc.constantFrom('file', 'directory', 'symlink', 'character-device', 'block-device', 'fifo', 'socket'),
    mode: fc.integer(),
    uid: fc.integer(),
    gid: fc.integer(),
    size: fc.integer(),
    mtime: fc.integer(),
    target: paths,
  });
  const hostKinds = fc.constantFrom<'directory' | 'symlink' | 'file'>('directory', 'symlink', 'file');

  test('never throw, and put no control characters into messages', () => {
    fc.assert(
      fc.property(fc.array(entries), anything, hostKinds, (some, name, kind) => {
        const surroundings = {
          hostEntry: () => ({ kind, target: 'x' }),
          owners: new Map(some.map(({ path, target }) => [path, target])),
          others: [{ name: 'other', paths: new Set(some.map(({ path }) => path)) }],
        };

        const findings = contentsFindings({ name, releaseNames: [], entries: some }, surroundings);

        for (const { message, paths: named } of findings) {
          expect(message.replaceAll(name, '')).not.toMatch(/\p{Cc}/u);
          expect(named.every((path) => path.startsWith('/'))).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('name few of many paths', () => {
    const many = Array.from({ length: 5000 }, (_, index) => entry(`usr/bin/p${index}`, { uid: 1 }));

    const [finding] = contentsFindings(image(...many), noSurroundings);

    expect(finding?.paths).toHaveLength(5000);
    expect(finding?.message).toMatch(/^\/usr\/bin\/p0, \/usr\/bin\/p1, \/usr\/bin\/p10 and 4997 more: /);
  });
});
