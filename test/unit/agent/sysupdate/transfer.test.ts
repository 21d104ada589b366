import { describe, expect, test } from 'vitest';

import { parseSettingsText } from '../../../../src/agent/sysupdate/settings-text.ts';
import { migrated, type TransferHost } from '../../../../src/agent/sysupdate/transfer.ts';

const host: TransferHost = {
  architecture: 'x86-64',
  release: { ID: 'fedora', VERSION_ID: '42' },
  features: new Set(['devel']),
};

/** As Flatcar's bakery has it. */
const flatcar = `[Transfer]
Verify=false

[Source]
Type=url-file
Path=https://extensions.flatcar.org/extensions/jq
MatchPattern=jq-@v-%a.raw

[Target]
InstancesMax=3
Type=regular-file
Path=/opt/extensions/jq
CurrentSymlink=/etc/extensions/jq.raw
`;

function resultOf(text: string, ...more: readonly string[]) {
  const path = '/etc/sysupdate.jq.d/jq.conf';
  return migrated({ path, component: 'jq', settings: parseSettingsText([text, ...more]) }, host);
}

describe('a transfer file', () => {
  test('of Flatcar becomes a drop-in, and what else is needed is said', () => {
    expect(resultOf(flatcar)).toEqual({
      kind: 'drop-in',
      path: '/etc/sysupdate.jq.d/jq.conf',
      name: 'jq',
      text: `# From /etc/sysupdate.jq.d/jq.conf
extensions:
  jq:
    from: "https://extensions.flatcar.org/extensions/jq/"
    match: "jq-@v-%a.raw"
`,
      notes: [
        'Verify=no: nothing of it is signed; to take it so, write into a file of agent.d: trust: [{place: "https://extensions.flatcar.org/extensions/jq", names: [jq], unsigned: allowed}]',
        'InstancesMax= is not carried over: `sysext-agent gc` keeps what the last sets of extensions need',
      ],
    });
  });

  test('keeps its lowest version and all its patterns', () => {
    const result = resultOf(`[Transfer]
MinVersion=1.7
[Source]
Type=url-file
Path=http://10.0.0.5:8080/%w/%a
MatchPattern=tools_@v.raw.xz \\
  "tools_@v.raw"
[Target]
Type=regular-file
Path=/var/lib/extensions/
MatchPattern=tools_@v.raw
Mode=0644
`);
    expect(result).toMatchObject({ name: 'tools' });
    expect(result.kind === 'drop-in' && result.text).toContain(`    from: "http://10.0.0.5:8080/42/x86-64/"
    match: ["tools_@v.raw.xz", "tools_@v.raw"]
    version: ">=1.7"
`);
    expect(result.kind === 'drop-in' && result.notes).toEqual([
      expect.stringContaining('Verify=yes: copy the key'),
      'http is not encrypted: write into a file of agent.d: web_servers: {"10.0.0.5:8080": {plain_http: true}}',
      'the specifiers in its path were filled in with what this host is now: http://10.0.0.5:8080/42/x86-64/',
      'Mode= is not carried over: images belong to root and are read-only',
    ]);
  });

  test('is read with its drop-ins', () => {
    const result = resultOf(
      flatcar,
      '[Source]\nPath=https://mirror.example.org/jq/\n[Source]\nMatchPattern=\nMatchPattern=jq_@v.raw\n',
    );
    expect(result.kind === 'drop-in' && result.text).toContain(
      'from: "https://mirror.example.org/jq/"\n    match: "jq_@v.raw"\n',
    );
  });

  test.each([
    ['is of a partition', flatcar.replace('Type=regular-file', 'Type=partition'), 'of type "partition": no extension'],
    [
      'is of a kernel',
      flatcar.replace('/etc/extensions/', '/efi/').replace('/opt/extensions/jq', '/efi'),
      'no directory',
    ],
    ['copies a partition', flatcar.replace('Type=url-file', 'Type=partition'), 'its source is of type "partition"'],
    ['has no source', flatcar.replace(/^Path=https.*$/m, ''), 'its source has no Path='],
    ['names a host', flatcar.replace('extensions/jq\n', 'extensions/%H\n'), 'cannot be filled in'],
    ['names a host in its pattern', flatcar.replace('%a.raw', '%H.raw'), '"%H" is no specifier'],
    ['has no pattern', flatcar.replace(/^MatchPattern=.*$/m, ''), 'match names no file'],
    ['waits for a feature', `${flatcar}[Transfer]\nFeatures=a b\n`, 'its features "a", "b" are off'],
    ['needs a feature', `${flatcar}[Transfer]\nFeatures=devel\nRequisiteFeatures=more\n`, 'its feature "more" is off'],
  ])('that %s is left out', (_, text, why) => {
    expect(resultOf(text)).toMatchObject({ kind: 'left-out', why: expect.stringContaining(why) });
  });

  test('of a feature that is on is taken', () => {
    expect(resultOf(`${flatcar}[Transfer]\nFeatures=other devel\n`).kind).toBe('drop-in');
  });
});
