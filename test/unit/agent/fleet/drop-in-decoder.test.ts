import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { decodeDropIn, mentionedIn } from '../../../../src/agent/fleet/drop-in-decoder.ts';
import { renderProblem } from '../../../../src/core/problems.ts';

function entriesOf(text: string) {
  const decoded = decodeDropIn(text, '50-jq.yml');
  if (!decoded.ok) throw new Error(decoded.problems.map(renderProblem).join('\n'));
  return decoded.value;
}

/** The problems without the lines that they are about. */
function problemsOf(text: string): readonly string[] {
  const decoded = decodeDropIn(text, '50-jq.yml');
  return decoded.ok ? [] : decoded.problems.map((problem) => renderProblem(problem).replace(/\n.*/s, ''));
}

describe('a drop-in', () => {
  test('says where the image of an extension comes from and which version may be taken', () => {
    const [jq, tools, zsh] = entriesOf(`
extensions:
  jq:
    spec: /etc/sysext-agent/specs/jq.yml
    version: 1.10
    target: trixie
    args: {VERSION: 1.10, DEBUG: true}
    allow: [setuid]
    hold: true
  tools:
    from: oci://registry.example.org/tools
    version: ">=1.2 <2"
  zsh: {state: absent, image: /srv/zsh.raw}
`);

    expect(jq?.name.value).toBe('jq');
    expect(jq?.entry.source?.value).toEqual({ kind: 'spec', path: '/etc/sysext-agent/specs/jq.yml' });
    expect(jq?.entry.version).toMatchObject({ value: { text: '1.10' }, position: { line: 5, column: 14 } });
    expect([...(jq?.entry.args ?? [])].map(([name, { value }]) => `${name}=${value}`)).toEqual([
      'VERSION=1.10',
      'DEBUG=true',
    ]);
    expect(jq?.entry).toMatchObject({
      target: { value: 'trixie' },
      allow: { value: ['setuid'] },
      hold: { value: true },
    });
    expect(tools?.entry.source?.value).toMatchObject({ kind: 'reference', reference: { repository: 'tools' } });
    expect(tools?.entry).not.toHaveProperty('hold');
    expect(zsh?.entry).toMatchObject({ state: { value: 'absent' }, source: { value: { path: '/srv/zsh.raw' } } });
  });

  test('can have the spec itself', () => {
    const [jq] = entriesOf('extensions:\n  jq:\n    spec:\n      name: jq\n      dependencies: {sysext: {jq: }}\n');

    expect(jq?.entry.source?.value).toMatchObject({ kind: 'inline-spec', spec: { position: { line: 4, column: 7 } } });
  });

  test('can say more of what it takes from files', () => {
    const digest = '0a'.repeat(32);
    const [jq, tools] = entriesOf(
      `extensions:\n  jq: {from: "https://a/b/", match: ["b-@v.raw"]}\n  tools: {from: "https://a/b", sha256: ${digest}}\n`,
    );

    expect(jq?.entry.source?.value).toMatchObject({ reference: { match: [{ text: 'b-@v.raw' }] } });
    expect(tools?.entry.source?.value).toMatchObject({ reference: { text: 'https://a/b', sha256: digest } });
    expect(jq?.entry).not.toHaveProperty('match');
  });

  test('with no extension says so', () => {
    expect(entriesOf('extensions: {}\n')).toEqual([]);
  });
});

const source = 'extensions:\n  jq:\n    image: /srv/jq.raw\n';

describe('is refused at its place:', () => {
  test.each([
    ['# nothing\n', '50-jq.yml:1:1: extensions: the file names no extension'],
    [
      'extensions:\n',
      '50-jq.yml:1:1: extensions: the file names no extension: where that is meant, write "extensions: {}"',
    ],
    ['extension: {}\n', '50-jq.yml:1:1: unknown field "extension", did you mean "extensions"?'],
    ['extensions: [jq]\n', '50-jq.yml:1:13: extensions: expected a map, found a list'],
    ['extensions:\n  jq:\n', '50-jq.yml:2:3: extensions.jq: nothing is said of it'],
    ['extensions:\n  a/b: {image: /x}\n', '50-jq.yml:2:3: extensions: "a/b" cannot be the name of an extension'],
    [`${source}    verison: '1'\n`, '50-jq.yml:4:5: extensions.jq: unknown field "verison", did you mean "version"?'],
    [`${source}    version:\n`, '50-jq.yml:4:5: extensions.jq.version: it has no value'],
    [
      `${source}    spec: /srv/jq.yml\n`,
      '50-jq.yml:4:5: extensions.jq.spec: an extension has one source, and image is given',
    ],
    [`${source}    target: trixie\n`, '50-jq.yml:4:5: extensions.jq.target: target is for what is built of a spec'],
    [`${source}    args: {A: b}\n`, '50-jq.yml:4:5: extensions.jq.args: args is for what is built of a spec'],
    [
      `${source}    version: v1\n`,
      '50-jq.yml:4:14: extensions.jq.version: "v1": versions are written without the v: "1"',
    ],
    [`${source}    state: gone\n`, '50-jq.yml:4:12: extensions.jq.state: expected one of present, absent'],
    [`${source}    hold: yes\n`, '50-jq.yml:4:11: extensions.jq.hold: expected true or false, found the text "yes"'],
    [
      `${source}    allow: [setiud]\n`,
      '50-jq.yml:4:13: extensions.jq.allow[0]: there is no rule "setiud", did you mean',
    ],
    ['extensions:\n  jq: {image: jq.raw}\n', '50-jq.yml:2:15: extensions.jq.image: "jq.raw" is not an absolute path'],
    ['extensions:\n  jq: {spec: /a/../b}\n', '50-jq.yml:2:14: extensions.jq.spec: "/a/../b": no .. is allowed'],
    ['extensions:\n  jq: {spec: [a]}\n', '50-jq.yml:2:14: extensions.jq.spec: expected the path of a spec, or a spec'],
    ['extensions:\n  jq: {from: "ftp://a/b"}\n', '50-jq.yml:2:14: extensions.jq.from: "ftp://a/b" begins with none of'],
    [
      'extensions:\n  jq: {from: "https://a/b/", match: b.raw}\n',
      '2:37: extensions.jq.match: "b.raw": there must be @v',
    ],
    [
      'extensions:\n  jq: {from: "oci://a/b", match: b-@v.raw}\n',
      '2:34: extensions.jq.match: match and sha256 are for',
    ],
    ['extensions:\n  jq: {match: b-@v.raw}\n', '2:15: extensions.jq.match: match says more of `from`'],
    ['extensions:\n  jq: {from: "https://a/b", sha256: 12}\n', '2:37: extensions.jq.sha256: sha256 takes 64 digits'],
    [
      'extensions:\n  jq: {from: "https://a/b", version: "1"}\n',
      'extensions.jq.version: the reference names one image',
    ],
    [
      'extensions:\n  jq: {from: "oci://a/b:1", version: "1"}\n',
      '50-jq.yml:2:29: extensions.jq.version: the reference names one image, by a tag',
    ],
    [
      'extensions:\n  jq: {spec: /a, args: {A-B: c}}\n',
      '50-jq.yml:2:25: extensions.jq.args: "A-B" cannot name a build',
    ],
    ['extensions:\n  jq: {spec: /a, args: {A: }}\n', 'extensions.jq.args.A: expected text, found nothing'],
    ['extensions:\n  jq: {spec: /a, target: ../x}\n', 'extensions.jq.target: "../x" cannot name a target'],
    ['extensions:\n  jq: {image: /a}\n  jq: {image: /b}\n', '50-jq.yml:3:3: duplicate key "jq"'],
    ['extensions:\n  jq: {ima', '50-jq.yml:2:'],
  ])('%j', (text, problem) => {
    expect(problemsOf(text)).toContainEqual(expect.stringContaining(problem));
  });

  test('all at once', () => {
    expect(problemsOf('extensions:\n  jq: {imag: /x}\n  zsh: {image: x, hold: 3}\n')).toHaveLength(3);
  });

  test.each(['>=1.2 <2', '*', '!=1.2'])('a range that YAML takes for something else, %s, with what to do', (range) => {
    expect(problemsOf(`${source}    version: ${range}\n`).join('\n')).toContain('so needs quotes: version: ">=1.2 <2"');
    expect(entriesOf(`${source}    version: "${range}"\n`)[0]?.entry.version?.value.text).toBe(range);
  });
});

test('what a drop-in with problems is about is known, unless its syntax is broken', () => {
  expect(mentionedIn('extensions:\n  jq: {imag: /x}\n  zsh: 3\nmore: x\n')).toEqual(['jq', 'zsh']);
  expect(mentionedIn('extensions:\n  jq: {ima')).toEqual([]);
  expect(mentionedIn('extensions: 3')).toEqual([]);
});

test('no text makes it throw', () => {
  const piece = fc.constantFrom(
    'extensions:',
    '\n  ',
    'jq:',
    ' ',
    '{',
    '}',
    'spec:',
    'version:',
    '>=1',
    '*a',
    '&a',
    '"',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece).map((pieces) => pieces.join('')),
      ),
      (text) => {
        expect(decodeDropIn(text, 'x.yml')).toHaveProperty('ok');
        expect(mentionedIn(text)).toBeInstanceOf(Array);
      },
    ),
  );
});
