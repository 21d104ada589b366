import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Ajv } from 'ajv';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

import { decodeDropIn } from '../../src/agent/fleet/drop-in-decoder.ts';
import { parseSettings } from '../../src/agent/settings-file.ts';
import { allowableRules } from '../../src/core/contents/allow.ts';
import { isAgentError } from '../../src/core/errors.ts';

const top = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(top, path), 'utf8');

function validator(schema: string) {
  const ajv = new Ajv({ strict: true, strictTypes: false, strictRequired: false, strictTuples: false });
  const validate = ajv.compile(JSON.parse(read(`schemas/${schema}`)) as object);
  return (text: string): boolean => {
    // Where the syntax is broken there is nothing to judge.
    try {
      return validate(parse(text));
    } catch {
      return false;
    }
  };
}

const isDropIn = validator('extensions.d.schema.json');
const isSettings = validator('agent.schema.json');

function isDecodedAsDropIn(text: string): boolean {
  return decodeDropIn(text, 'x.yml').ok;
}

function isDecodedAsSettings(text: string): boolean {
  try {
    parseSettings(text, 'x.yml');
    return true;
  } catch (error) {
    if (isAgentError(error, 'invalid-config')) return false;
    throw error;
  }
}

const digest = `sha256:${'0a'.repeat(32)}`;

describe('the schema of extensions.d and the agent agree:', () => {
  const one = (fields: string) => `extensions: {jq: {${fields}}}`;

  test.each([
    'extensions: {}',
    one('spec: /srv/jq.yml'),
    one('spec: {name: jq, version: 1}'),
    one('image: /srv/jq'),
    one('from: "oci://registry.example.org:5000/tools/jq"'),
    one(`from: "oci://r.example/jq:1.7@${digest}"`),
    one('from: "https://files.example.org/jq/", version: ">=1.2 <2, !=1.5"'),
    one('spec: /a, version: 1.10, target: trixie, args: {A: 1, B: x, C: true}, allow: [setuid], hold: true'),
    one('from: "https://files.example.org/jq/", match: "jq-@v-%a.raw"'),
    one('from: "http://files.example.org", match: [jq-@v.raw, jq-@v.raw.xz], version: 1.2.*'),
    one(`from: "https://files.example.org/jq.raw", sha256: ${digest.slice(7)}`),
    one('from: /srv/images/, match: jq_@v.raw'),
    one('version: "*"'),
    one('version: 1.2.*'),
    one('state: absent'),
    one('image: /a, health: [{command: [curl, http://localhost/], timeout: 1m30s, retries: 3, interval: 500ms}]'),
    one('image: /a, health: [{unit: web.service, name: the web}, {prepare: [web, --self-test]}]'),
    one('image: /a, state: present, hold: false'),
    one('spec: /srv/..jq/a..b'),
    'extensions: &x\n  jq: &jq {image: /a}\n  other: *jq\n',
  ])('%s is right', (text) => {
    expect([isDropIn(text), isDecodedAsDropIn(text)]).toEqual([true, true]);
  });

  test.each([
    '',
    '# nothing',
    'extensions:',
    'extensions: []',
    'extension: {}',
    'extensions: {}\nmore: 1',
    'extensions: {jq: }',
    'extensions: {jq: {}}',
    'extensions: {a/b: {image: /a}}',
    'extensions: {jq.raw: {image: /a}}',
    'extensions: {-jq: {image: /a}}',
    one('imag: /a'),
    one('image: a'),
    one('image: /a/../b'),
    one('image: '),
    one('image: 3'),
    one('spec: [/a]'),
    one('spec: jq.yml'),
    one('spec: /a, image: /b'),
    one('image: /a, from: "https://a.example/b"'),
    one('image: /a, target: trixie'),
    one('image: /a, args: {}'),
    one('from: "oci://a.example/b:1", version: "1"'),
    one(`from: "oci://a.example/b@${digest}", version: "1"`),
    one('from: "ftp://a.example/b"'),
    one('from: "https://a.example/b.raw", version: "1"'),
    one('from: "https://a.example/b.raw", match: b-@v.raw'),
    one('from: "https://a.example/b/", match: b.raw'),
    one('from: "https://a.example/b/", match: []'),
    one(`from: "https://a.example/b/", sha256: ${digest.slice(7)}`),
    one('from: "https://a.example/b", sha256: 12ab'),
    one('from: "oci://a.example/b", match: b-@v.raw'),
    one(`from: "oci://a.example/b", sha256: ${digest.slice(7)}`),
    one('match: b-@v.raw'),
    one('from: /srv/jq.raw'),
    one('from: /srv/../jq/'),
    one('from: "oci://a.example"'),
    one('from: "oci://a.example/B"'),
    one('from: "oci://a.example/b@sha256:1"'),
    one('from: "https://user:secret@a.example/b"'),
    one('from: "https://a.example/b#c"'),
    one('version: v1'),
    one('version: ">=v1"'),
    one('version: ""'),
    one('version: 1.*.2'),
    one('version: ">=1.*"'),
    one('version: "^1"'),
    one('version: [1]'),
    one('spec: /a, target: A'),
    one('spec: /a, args: {A-B: c}'),
    one('spec: /a, args: {A: }'),
    one('spec: /a, args: {A: [c]}'),
    one('image: /a, allow: [setiud]'),
    one('image: /a, allow: setuid'),
    one('image: /a, allow: '),
    one('image: /a, hold: yes'),
    one('image: /a, state: gone'),
    one('image: /a, health: '),
    one('image: /a, health: {unit: web.service}'),
    one('image: /a, health: [{}]'),
    one('image: /a, health: [{unit: web.service, command: [x]}]'),
    one('image: /a, health: [{prepare: [x], command: [x]}]'),
    one('image: /a, health: [{prepare: x}]'),
    one('image: /a, health: [{unit: web}]'),
    one('image: /a, health: [{unit: web@.service}]'),
    one('image: /a, health: [{command: []}]'),
    one('image: /a, health: [{command: [a/b]}]'),
    one('image: /a, health: [{command: [a], retries: -1}]'),
    one('image: /a, health: [{command: [a], timeout: 10}]'),
    'extensions: {jq: {ima',
  ])('%s is wrong', (text) => {
    expect([isDropIn(text), isDecodedAsDropIn(text)]).toEqual([false, false]);
  });

  test('about whatever is put together of good and bad fields', () => {
    const fields = fc.record(
      {
        spec: fc.constantFrom('/a', 'a', '/a/..', { name: 'jq' }, [], null),
        image: fc.constantFrom('/a', 'a', {}, null),
        from: fc.constantFrom(
          'oci://a.example/b',
          'oci://a.example/b:1',
          'https://a.example/',
          'https://a.example/a',
          'a',
          null,
        ),
        match: fc.constantFrom('a-@v.raw', ['a-@v.raw'], [], 'a', null),
        sha256: fc.constantFrom('0a'.repeat(32), 'ab', null),
        version: fc.constantFrom('1', 1, '>=1', '1.*', '>= 1, <2', 'v1', '*', '**', [], null),
        target: fc.constantFrom('trixie', 'T', 3, null),
        args: fc.constantFrom({}, { A: '1' }, { A: 1 }, { A: null }, { 'A-': '1' }, [], null),
        allow: fc.constantFrom([], ['setuid'], ['x'], 'setuid', null),
        hold: fc.constantFrom(true, false, 'yes', null),
        state: fc.constantFrom('present', 'absent', 'gone', null),
        other: fc.constant(1),
      },
      { requiredKeys: [] },
    );
    const seen = { right: 0, wrong: 0 };
    fc.assert(
      fc.property(
        fc.oneof(
          fields,
          fields.map(({ spec, version, hold }) => ({ spec, version, hold })),
          fields.map(({ from, match }) => ({ from, match })),
          fields.map(({ from, sha256 }) => ({ from, sha256 })),
        ),
        (extension) => {
          const text = JSON.stringify({ extensions: { jq: extension } });
          const decoded = isDecodedAsDropIn(text);
          seen[decoded ? 'right' : 'wrong']++;
          expect([text, isDropIn(text)]).toEqual([text, decoded]);
        },
      ),
      { numRuns: 2000 },
    );
    expect(Math.min(seen.right, seen.wrong)).toBeGreaterThan(20);
  });
});

describe('the schema of agent.yml and the agent agree:', () => {
  test.each([
    '',
    'allow: [setuid]',
    'allow:',
    'extensions: {jq: {allow: [polkit]}}',
    'extensions: {jq: }',
    'extensions:',
    'allow: []\nextensions: {jq: {}}',
    'health: [{unit: web.service}]\nextensions: {jq: {health: [{command: [jq, --version]}]}}',
    'health:',
    'merge_time_limit: 60',
    'merge:',
    'merge: {driver: atomic}',
    'merge: {driver: }',
    'merge: {driver: refresh, mount_once: false}',
    'merge: {mount_once: }',
    'windows:',
    'windows: [{}]',
    'windows: [{from: 22:00, to: 04:00, spread: 30m}]',
    'windows: [{days: [sat, sun]}, {from: 22:30, to: 04:00, zone: Europe/Berlin}, {from: "02:00", to: 24:00}]',
    'fleet_lock:',
    'fleet_lock: {url: "https://lock.example.org/base", group: workers-1}',
    'fleet_lock: {url: "http://127.0.0.1:3333"}',
    'fleet_lock: {url: "http://[::1]/", group: }',
    'trust:',
    'trust: [{place: "oci://registry.example.org", keys: [fleet.pub, old.asc], names: [jq, k8s-*], until: "2027-01-31"}]',
    'trust: [{place: "oci://a.example", identities: [{subject: me@a.example, issuer: "https://a.example", root: a.json}]}]',
    'trust: [{place: "oci://a.example", keys: [a.pub], identities: [{subject: "https://a.example/*", issuer: "https://a.example/x", root: a.json}]}]',
    'trust: [{place: "https://*.example.org/images/", unsigned: allowed}, {place: /srv/images, keys: [a.gpg]}]',
    'web_servers:',
    'web_servers: {"files.example.org:8443": {ca: /etc/ssl/lan.pem}, 10.0.0.5: {plain_http: true}, a: }',
    'registries:',
    'registries: {registry.example.org: }',
    'registries: {"127.0.0.1:5000": {plain_http: true, mirrors: }, "[::1]:5000": {}}',
    'registries: {ghcr.io: {mirrors: ["mirror:5000", harbor.example.org/ghcr/cache], ca: /etc/ssl/ours.pem}}',
  ])('%j is right', (text) => {
    expect([isSettings(text), isDecodedAsSettings(text)]).toEqual([true, true]);
  });

  test.each([
    'allow: setuid',
    'allow: [device]',
    'alow: []',
    'extensions: []',
    'extensions: {a/b: {}}',
    'extensions: {jq: {x: 1}}',
    'health: [{command: jq}]',
    'extensions: {jq: {health: {}}}',
    'merge_time_limit: 0',
    'merge: atomic',
    'merge: {driver: magic}',
    'merge: {way: atomic}',
    'merge: {mount_once: never}',
    'merge_time_limit: 1m',
    'merge_time_limit: 1.5',
    'windows: {}',
    'windows: [{days: []}]',
    'windows: [{days: sat}]',
    'windows: [{days: [saturday]}]',
    'windows: [{from: 2:00}]',
    'windows: [{from: 24:00}]',
    'windows: [{to: 24:01}]',
    'windows: [{from: 2}]',
    'windows: [{zone: +02:00}]',
    'windows: [{zones: UTC}]',
    'fleet_lock: {group: a}',
    'fleet_lock: {url: lock.example.org}',
    'fleet_lock: {url: "http://lock.example.org"}',
    'fleet_lock: {url: "http://127.0.0.1.example.org"}',
    'fleet_lock: {url: "https://user:secret@lock.example.org"}',
    'fleet_lock: {url: "https://lock.example.org/?a=b"}',
    'fleet_lock: {url: "https://lock.example.org", group: a b}',
    'trust: {}',
    'trust: [{keys: [a.pub]}]',
    'trust: [{place: "oci://a.example"}]',
    'trust: [{place: "oci://a.example", keys: [a.pub], unsigned: allowed}]',
    'trust: [{place: "oci://a.example", keys: []}]',
    'trust: [{place: "oci://a.example", identities: []}]',
    'trust: [{place: "oci://a.example", identities: [me@a.example]}]',
    'trust: [{place: "oci://a.example", identities: [{subject: me@a.example, issuer: "https://a.example"}]}]',
    'trust: [{place: "oci://a.example", identities: [{subject: me@a.example, root: a.json}]}]',
    'trust: [{place: "oci://a.example", identities: [{subject: "*", issuer: "https://a.example", root: a.json}]}]',
    'trust: [{place: "oci://a.example", identities: [{subject: "", issuer: "https://a.example", root: a.json}]}]',
    'trust: [{place: "oci://a.example", identities: [{subject: me, issuer: "http://a.example", root: a.json}]}]',
    'trust: [{place: "oci://a.example", identities: [{subject: me, issuer: "https://a.example", root: ../a.json}]}]',
    'trust: [{place: "oci://a.example", unsigned: allowed, identities: [{subject: me, issuer: "https://a.example", root: a.json}]}]',
    'trust: [{place: "oci://a.example", keys: [a.pem]}]',
    'trust: [{place: "oci://a.example", keys: [../a.pub]}]',
    'trust: [{place: "oci://a.example", unsigned: true}]',
    'trust: [{place: "oci://a.example", keys: [a.pub], names: []}]',
    'trust: [{place: "oci://a.example", keys: [a.pub], names: ["a b"]}]',
    'trust: [{place: "oci://a.example", keys: [a.pub], until: tomorrow}]',
    'trust: [{place: a.example, unsigned: allowed}]',
    'trust: [{place: "https://user@a.example", unsigned: allowed}]',
    'trust: [{place: "https://a.example/../b", unsigned: allowed}]',
    'web_servers: []',
    'web_servers: {"https://a.example": {plain_http: true}}',
    'web_servers: {a.example: {plain_http: allowed}}',
    'web_servers: {a.example: {ca: lan.pem}}',
    'registries: []',
    'registries: {"https://ghcr.io": {}}',
    'registries: {ghcr.io/tools: {}}',
    'registries: {ghcr.io: {mirrors: mirror}}',
    'registries: {ghcr.io: {mirrors: ["https://mirror"]}}',
    'registries: {ghcr.io: {mirrors: ["user:secret@mirror"]}}',
    'registries: {ghcr.io: {ca: ours.pem}}',
    'registries: {ghcr.io: {ca: /etc/../ours.pem}}',
    'registries: {ghcr.io: {plain_http: yes}}',
    'registries: {ghcr.io: {insecure: true}}',
    '[]',
  ])('%j is wrong', (text) => {
    expect([isSettings(text), isDecodedAsSettings(text)]).toEqual([false, false]);
  });
});

test('the schemas know every rule that can be allowed', () => {
  for (const name of globSync('schemas/*.json', { cwd: top })) {
    const lists = Array.from(
      read(name).matchAll(/"enum": (\[[^\]]*\])/g),
      ([, list = '']) => JSON.parse(list) as string[],
    );

    expect(lists.filter((list) => list.includes('setuid'))).toEqual([allowableRules]);
  }
});

describe('an example', () => {
  const documented = Array.from(read('docs/fleet.md').matchAll(/```yaml\n([^]*?)```/g), ([, text = '']) => text);
  const shipped = globSync('examples/extensions.d/*.yml', { cwd: top }).map(read);

  test.each([...documented, ...shipped])('%s is right', (text) => {
    expect([isDropIn(text), isDecodedAsDropIn(text)]).toEqual([true, true]);
  });

  test.each(['windows', 'trust', 'publishing'])('of docs/%s.md is right', (name) => {
    const examples = Array.from(read(`docs/${name}.md`).matchAll(/```yaml\n([^]*?)```/g), ([, text = '']) => text);
    expect(examples.map((text) => [isSettings(text), isDecodedAsSettings(text)])).toEqual(
      examples.map(() => [true, true]),
    );
    expect(examples).not.toEqual([]);
  });

  test('of docs/rollout.md is right, also what tools of fleets are to write', () => {
    const examples = Array.from(read('docs/rollout.md').matchAll(/```yaml\n# (\S+)\n([^]*?)```/g));
    const files = examples.flatMap(([, path = '', text = '']) =>
      path.startsWith('/') ? [{ path, text }] : filesIn(parse(text)),
    );
    const judged = files.map(({ path, text }) => [
      path,
      path.includes('/extensions.d/')
        ? isDropIn(text) && isDecodedAsDropIn(text)
        : isSettings(text) && isDecodedAsSettings(text),
    ]);

    expect(judged).toEqual([
      ['/etc/sysext-agent/agent.d/10-fleet.yml', true],
      ['/etc/sysext-agent/extensions.d/60-wasmtime.yml', true],
      ['/etc/sysext-agent/agent.d/20-window.yml', true],
      ['/etc/sysext-agent/extensions.d/60-wasmtime.yml', true],
      ['/etc/sysext-agent/agent.d/20-window.yml', true],
      ['/etc/sysext-agent/extensions.d/90-pause.yml', true],
    ]);
  });
});

interface WrittenFile {
  readonly path: string;
  readonly text: string;
}

/** The files that a playbook of Ansible or a Butane config writes: `dest` and `content`, `path` and `contents.inline`. */
function filesIn(value: unknown): WrittenFile[] {
  if (typeof value !== 'object' || value === null) return [];
  const { dest, content, path, contents } = value as Readonly<Record<string, unknown>>;
  if (typeof dest === 'string' && typeof content === 'string') return [{ path: dest, text: filledIn(content) }];
  if (typeof path === 'string') return [{ path, text: (contents as { readonly inline: string }).inline }];
  return Object.values(value).flatMap(filesIn);
}

/** What Ansible makes of an expression: a version, or two digits of the time. */
function filledIn(template: string): string {
  return template.replace(/{{ versions.*?}}/, '37.0.2').replace(/{{ '%02d'.*?}}/, '07');
}
