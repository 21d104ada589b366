import { describe, expect, test } from 'vitest';

import { parseSpec } from '../../../../src/builder/spec/parse.ts';
import { isMade, unbuildable } from '../../../../src/builder/spec/unbuildable.ts';
import { renderProblem } from '../../../../src/core/problems.ts';

function reasons(text: string, target?: string): readonly string[] {
  return unbuildable(parseSpec(`name: a\nversion: 1\n${text}`, 's'), target).map(renderProblem);
}

const local = 'sources: {src: {inline: {dir: {files: {a: {}}}}}, conf: {context: {}}, file: {inline: {file: {}}}}';

describe('a spec can be built', () => {
  test.each([
    ['of packages', 'dependencies: {sysext: [jq]}'],
    ['with files of inline and context sources', `${local}\nartifacts: {binaries: {src/a: , ./conf/b: , file: }}`],
    ['with units and drop-ins', `${local}\nartifacts: {systemd: {units: {src/a: }, dropins: {conf/b: {unit: c}}}}`],
    ['with links and directories', 'artifacts: {links: [{source: /a, dest: /b}], createDirectories: {state: {a: }}}'],
    ['with links beside build steps', 'build: {steps: [{command: a}]}\nartifacts: {links: [{source: /a, dest: /b}]}'],
    ['with sources that nothing is made of', `sources: {src: {git: {url: u, commit: c}}}`],
    ['with build steps that nothing is made of', 'build: {steps: [{command: make}]}'],
    [
      'of sources that are fetched, with patches and generators',
      `sources: {a: {git: {url: u, commit: c}}, b: {http: {url: u}}, c: {path: /a, image: {ref: r}}, d: {context: {}, generate: [{nodemod: {}}]}, e: {inline: {file: {}}}}\npatches: {a: [{source: e}]}\nartifacts: {docs: {a/b: , b: , c/a: , d/a: }}`,
    ],
    ['whose steps make files', `${local}\nbuild: {steps: [{command: make}]}\nartifacts: {binaries: {out/a: , '*': }}`],
    [
      'with all that does not change the image',
      'tests: [{name: a}]\nimage: {base: b}\nchangelog: [{author: a}]\npackage_config: {signer: {image: a}}',
    ],
  ])('%s', (_, text) => {
    expect(reasons(text)).toEqual([]);
  });
});

describe('artifacts have to be made', () => {
  test.each([
    ['by build steps', `${local}\nbuild: {steps: [{command: a}]}\nartifacts: {docs: {src/a: }}`, true],
    ['of patched sources', `${local}\npatches: {src: [{source: file}]}\nartifacts: {docs: {src/a: }}`, true],
    [
      'not where the patches are for others',
      `${local}\npatches: {src: [{source: file}]}\nartifacts: {docs: {conf/a: }}`,
      false,
    ],
    ['of fetched sources', 'sources: {src: {http: {url: u}}}\nartifacts: {docs: {src: }}', true],
    ['not of inline and context sources', `${local}\nartifacts: {docs: {src/a: , conf/a: , file: }}`, false],
    [
      'not where there are only links',
      'build: {steps: [{command: a}]}\nartifacts: {links: [{source: /a, dest: /b}]}',
      false,
    ],
  ])('%s', (_, text, expected) => {
    expect(isMade(parseSpec(`name: a\nversion: 1\n${text}`, 's'), 'trixie')).toBe(expected);
  });
});

describe('a spec cannot be built, and why is said by name', () => {
  test.each([
    [
      'build: {source: {context: {}}}',
      's:3:16: sources.src.build: a Dockerfile is not built: there is no engine for that here. A source of the kind image can be its result',
    ],
    [
      'path: /a, image: {ref: r, cmd: {steps: [{command: a}]}}',
      's:3:16: sources.src.image.cmd: commands in a container image are not run by this version of sysext-agent',
    ],
  ])('a file of %s', (kind, reason) => {
    expect(reasons(`sources: {src: {${kind}}}\nartifacts: {docs: {src/a: , src/b: }}`)).toEqual([reason]);
  });

  test('a file of a source whose patch is in such a source', () => {
    const text = `sources: {src: {context: {}}, p: {build: {source: {context: {}}}}}\npatches: {src: [{source: p, path: a}]}`;
    expect(reasons(`${text}\nartifacts: {docs: {src/a: }}`)).toEqual([
      's:3:34: sources.p.build: a Dockerfile is not built: there is no engine for that here. A source of the kind image can be its result',
    ]);
  });

  test('whatever goes into a build, and artifacts that cannot come out of it', () => {
    const text = `sources: {src: {context: {}}, lib: {build: {source: {context: {}}}}}\nbuild: {steps: [{command: make}]}`;
    expect(reasons(`${text}\nartifacts: {docs: {src/a: , /usr/bin/gcc: , ../a: }}`)).toEqual([
      's:5:29: artifacts.docs["/usr/bin/gcc"]: "/usr/bin/gcc" leads out of the directory of the sources',
      's:5:45: artifacts.docs["../a"]: "../a" leads out of the directory of the sources',
      's:3:36: sources.lib.build: a Dockerfile is not built: there is no engine for that here. A source of the kind image can be its result',
    ]);
  });

  test('a file that comes from nowhere', () => {
    expect(reasons(`${local}\nartifacts: {binaries: {out/a: , ../src/a: , /src/a: , '*': }}`)).toEqual([
      's:4:24: artifacts.binaries["out/a"]: there is no source "out", and no build step that makes "out/a"',
      's:4:33: artifacts.binaries["../src/a"]: "../src/a" leads out of the directory of the sources',
      's:4:45: artifacts.binaries["/src/a"]: "/src/a" leads out of the directory of the sources',
      's:4:55: artifacts.binaries["*"]: there is no source "*", and no build step that makes "*"',
    ]);
  });

  test('for one target only', () => {
    const text = `targets: {x: {artifacts: {opt: {out/a: }}}, y: {frontend: {image: f}}, z: {artifacts: {}}}`;
    expect(reasons(text, 'x')).toEqual([
      's:3:33: targets.x.artifacts.opt["out/a"]: there is no source "out", and no build step that makes "out/a"',
    ]);
    expect(reasons(text, 'y')).toEqual([
      's:3:59: targets.y.frontend: the target is built by another program, "f": frontends are not run here',
    ]);
    expect(reasons(text, 'z')).toEqual([]);
    expect(reasons(text)).toEqual([]);
  });

  test('but for its own package, which may be there already', () => {
    const text = 'build: {steps: [{command: a}]}\nartifacts: {binaries: {/out/a: }}\n';
    const spec = parseSpec(`name: a\nversion: 1\n${text}`, 's');
    expect(unbuildable(spec, 'x', true)).toEqual([]);
    expect(unbuildable(spec, 'x', false)).not.toEqual([]);
  });

  test('whose packages need a repository that is not read', () => {
    const repo = (envs: string) =>
      `extra_repos: [{keys: {k: {http: {url: u}}}, config: {c: {git: {url: u, commit: c}}}, data: [{dest: /d, spec: {context: {}}}]${envs}}]`;
    const expected = [
      'extra_repos[0].keys.k.http: a file from the web is not fetched for extra_repos: write its text into the spec (inline), or give its directory (context)',
      'extra_repos[0].config.c.git: a git repository is not fetched for extra_repos: write its text into the spec (inline), or give its directory (context)',
      'extra_repos[0].data[0]: a repository that is a directory (file:) is not read by this version of sysext-agent: serve it over http',
    ];
    const told = (text: string, target?: string) =>
      reasons(text, target).map((line) => line.replace(/^s:\d+:\d+: /, ''));
    expect(told(`dependencies: {sysext: [a], ${repo('')}}`)).toEqual(expected.map((line) => `dependencies.${line}`));
    expect(told(`targets: {x: {dependencies: {sysext: [a], ${repo('')}}}}`, 'x')).toEqual(
      expected.map((line) => `targets.x.dependencies.${line}`),
    );
    expect(told(`dependencies: {sysext: [a], ${repo(', envs: [build, test]')}}`)).toEqual([]);
    expect(told(`dependencies: {build: [a], ${repo('')}}`)).toEqual([]);
  });

  test('without a name and a version', () => {
    expect(unbuildable(parseSpec('null', 's'), 'trixie').map(renderProblem)).toEqual([
      's:1:1: name: this field is required',
      's:1:1: version: this field is required',
    ]);
  });
});
