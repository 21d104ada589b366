import { describe, expect, test } from 'vitest';

import { lintInlineSpec, lintSpec, type LintRequest } from '../../../../src/builder/spec/lint.ts';
import { renderProblem } from '../../../../src/core/problems.ts';
import { anything } from '../../../../src/core/yaml/decoder.ts';
import { decodeYaml } from '../../../../src/core/yaml/document.ts';

const complete = `name: a
version: '1'
revision: '1'
description: d
license: MIT
packager: me
`;

function lint(text: string, request: Partial<LintRequest> = {}) {
  const { errors, warnings, notes } = lintSpec({
    text,
    file: 's',
    target: undefined,
    buildArguments: {},
    architecture: 'x86-64',
    targets: ['noble', 'trixie'],
    ...request,
  });
  const [told, warned, noted] = [errors, warnings, notes].map((problems) =>
    problems.map(({ position, field, message }) => renderProblem({ position, field, message })),
  );
  return { told, warned, noted };
}

const nothing = { told: [], warned: [], noted: [] };

describe('a spec', () => {
  test('without fault has nothing said of it', () => {
    expect(lint(`${complete}dependencies: {sysext: [jq]}\ntargets: {trixie: {}}\nx-sysext: {allow: [setuid]}`)).toEqual(
      nothing,
    );
  });

  test('that cannot be read is still looked at for its numbers', () => {
    expect(lint('version: 1.10\nnmae: a')).toEqual({
      told: ['s:2:1: unknown field "nmae", did you mean "name"?'],
      warned: ['s:1:10: version: 1.10 without quotes is read as "1.1": write "1.10"'],
      noted: [],
    });
  });

  test('has its build arguments expanded', () => {
    const text = `${complete.replace("'1'", '$V')}args: {V: 1}`;
    expect(lint(text)).toEqual(nothing);
    expect(lint(text, { buildArguments: { V: 'a/b', W: '1', TARGETOS: 'x', DALEC_SYSEXT_ANY: '' } })).toEqual({
      ...nothing,
      told: [
        's:1:1: args: unknown arg: "W"',
        's:2:10: version: "a/b": no slash, white space or control character is allowed',
      ],
    });
  });

  test('is told what Dalec needs for packages', () => {
    expect(lint('name: a').warned).toEqual([
      's:1:1: version: missing required field: Dalec makes no rpm or deb packages without it',
      's:1:1: revision: missing required field: Dalec makes no rpm packages without it',
      's:1:1: description: missing required field: Dalec makes no rpm packages without it',
      's:1:1: license: missing required field: Dalec makes no rpm packages without it',
      's:1:1: packager: missing required field: Dalec makes no deb packages without it',
    ]);
  });

  test('is told of numbers that lose their spelling, and only of those', () => {
    const numbers = `${complete.replace("'1'", '1.0').replace("'1'", '010')}args: {A: 1.10, B: 1.1, C: "1.10", D: True, E: 5, F: }`;
    expect(lint(numbers).warned).toEqual([
      's:2:10: version: 1.0 without quotes is read as "1": write "1.0"',
      's:3:11: revision: 010 without quotes is read as "8": write "010"',
      's:7:11: args.A: 1.10 without quotes is read as "1.1": write "1.10"',
      's:7:39: args.D: True without quotes is read as "true": write "True"',
    ]);
  });

  test('is told of targets that nobody knows', () => {
    expect(lint(`${complete}targets: {trixy: {}}`, { target: 'nobel' }).warned).toEqual([
      's:1:1: there is no target "nobel", did you mean "noble"?',
      's:7:18: targets.trixy: there is no target "trixy", did you mean "trixie"?',
    ]);
  });

  test('is told of rules that nobody knows or may allow', () => {
    expect(lint(`${complete}x-sysext: {allow: [setuid, udev-rule, device]}`).told).toEqual([
      's:7:28: x-sysext.allow[1]: there is no rule "udev-rule", did you mean "udev-rules"?',
      's:7:39: x-sysext.allow[2]: "device" cannot be allowed: no image that it finds can be merged soundly',
    ]);
    expect(lint(`${complete}x-sysext: {allow: [setuid]}`)).toEqual(nothing);
  });

  test('is told once what cannot be built, for one target or for all', () => {
    const text = `${complete}artifacts: {binaries: {out/a: }}
targets: {trixie: {tests: [{name: a}]}, noble: {artifacts: {}}, other: {frontend: {image: f}}}`;
    const missing =
      's:7:24: artifacts.binaries["out/a"]: there is no source "out", and no build step that makes "out/a"';
    expect(lint(text).noted).toEqual([missing]);
    expect(lint(text, { target: 'trixie' }).noted).toEqual([missing]);
    expect(lint(text, { target: 'noble' }).noted).toEqual([]);
  });
});

describe('of a spec', () => {
  const request = { file: 's', target: undefined, buildArguments: {}, architecture: 'x86-64', targets: [] } as const;

  test.each([
    [complete, { name: 'a', version: '1-1' }],
    ["name: a\nversion: '2'\n", { name: 'a', version: '2-1' }],
    ['description: x\n', { name: '', version: '' }],
    ["name: a\nargs: {V: '3'}\nversion: $V\nrevision: '4'\n", { name: 'a', version: '3-4' }],
    ['name: 1/2\n', undefined],
  ])('it is known what it makes: %j', (text, makes) => {
    expect(lintSpec({ ...request, text }).makes).toEqual(makes);
  });

  test('for an extension alone it is not told what packages need', () => {
    expect(lintSpec({ ...request, text: 'name: a\nversion: 1.10\n', extensionOnly: true }).warnings).toEqual([
      expect.objectContaining({ field: 'version' }),
    ]);
  });

  test('in another document all is told at its place there', () => {
    const text = 'here:\n  name: a\n  version: 1.10\n  nmae: b\n';
    const document = decodeYaml(text, 's', anything);
    if (!document.ok || document.value.kind !== 'map') throw new Error('no map');
    const [entry] = document.value.entries;
    const { errors, warnings } = lintInlineSpec(entry!.value, 'here', { ...request, text });

    expect([...errors, ...warnings].map(renderProblem)).toEqual([
      's:4:3: here: unknown field "nmae", did you mean "name"?\n  4 |   nmae: b\n        ^',
      's:3:12: here.version: 1.10 without quotes is read as "1.1": write "1.10"\n  3 |   version: 1.10\n                 ^',
    ]);
  });
});
