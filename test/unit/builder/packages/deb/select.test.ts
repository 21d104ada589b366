import { describe, expect, it } from 'vitest';

import type { Candidate, Provider } from '../../../../../src/builder/packages/candidates.ts';
import { packageUrl } from '../../../../../src/builder/packages/choice.ts';
import { selectPackages } from '../../../../../src/builder/packages/deb/select.ts';
import type { PackageRequest, Relation } from '../../../../../src/builder/packages/packages.ts';
import { isAgentError, type AgentError } from '../../../../../src/core/errors.ts';

interface Offer {
  readonly name: string;
  readonly version: string;
  readonly architecture?: string;
  readonly suite?: string;
  readonly rank?: number;
  readonly provides?: Readonly<Record<string, string>>;
}

function candidate({ name, version, architecture = 'amd64', suite = 'stable', rank = 0 }: Offer): Candidate {
  const filename = `pool/${suite}/${name}_${version}.deb`;
  const origin = { uri: 'http://archive', suite, rank };
  return { name, version, architecture, filename, size: 1, sha256: 'a'.repeat(64), origin };
}

function provided(offers: readonly Offer[], name: string): Provider[] {
  return offers.flatMap((offer) => {
    const version = offer.provides?.[name];
    return version === undefined ? [] : [{ ...candidate(offer), provided: version }];
  });
}

function select(offers: readonly Offer[], ...requests: readonly PackageRequest[]) {
  const catalogue = {
    packages: (name: string) => offers.filter((offer) => offer.name === name).map(candidate),
    providers: (name: string) => provided(offers, name),
    nearest: (name: string) => [`${name}-like`],
  };
  return selectPackages(requests, catalogue, 'amd64').map(({ url }) => url.replace('http://archive/pool/', ''));
}

function request(name: string, ...constraints: readonly (readonly [Relation, string])[]): PackageRequest {
  return { name, constraints: constraints.map(([relation, version]) => ({ relation, version })) };
}

function failure(call: () => unknown): AgentError {
  try {
    call();
  } catch (error) {
    if (isAgentError(error)) return error;
  }
  throw new Error('nothing was refused');
}

describe('a real package', () => {
  const offers = [
    { name: 'jq', version: '1.6-2' },
    { name: 'jq', version: '1.7-1' },
    { name: 'jq', version: '1.7-2', suite: 'security', rank: 1 },
  ];

  it('is the highest version of all suites', () => {
    expect(select(offers, request('jq'))).toEqual(['security/jq_1.7-2.deb']);
  });

  it('meets all constraints at once', () => {
    expect(select(offers, request('jq', ['>=', '1.6'], ['<<', '1.7-2']))).toEqual(['stable/jq_1.7-1.deb']);
    expect(select(offers, request('jq', ['=', '1.6-2']))).toEqual(['stable/jq_1.6-2.deb']);
  });

  it('is that of the first suite where two have the same version', () => {
    const twice = [
      { name: 'jq', version: '1', suite: 'second', rank: 1 },
      { name: 'jq', version: '1', suite: 'first', rank: 0 },
    ];
    expect(select(twice, request('jq'))).toEqual(['first/jq_1.deb']);
  });

  it('is native or for all architectures', () => {
    const mixed = [
      { name: 'jq', version: '2', architecture: 'arm64' },
      { name: 'jq', version: '1', architecture: 'all' },
    ];
    expect(select(mixed, request('jq'))).toEqual(['stable/jq_1.deb']);
  });

  it('is refused with what there is when no version will do', () => {
    const error = failure(() => select(offers, request('jq', ['>=', '2'])));
    expect(error).toMatchObject({ code: 'unsatisfiable', message: 'no version of jq is >= 2' });
    expect(error.details.facts).toEqual([
      'available: 1.7-2 in security',
      'available: 1.7-1 in stable',
      'available: 1.6-2 in stable',
    ]);
  });

  it('wins over one that provides its name', () => {
    const both = [...offers, { name: 'gojq', version: '9', provides: { jq: '9' } }];
    expect(select(both, request('jq'))).toEqual(['security/jq_1.7-2.deb']);
    expect(failure(() => select(both, request('jq', ['=', '9']))).code).toBe('unsatisfiable');
  });

  it('comes once, and in the order of names', () => {
    const more = [...offers, { name: 'bc', version: '1' }];
    expect(select(more, request('jq'), request('bc'), request('jq'))).toEqual([
      'stable/bc_1.deb',
      'security/jq_1.7-2.deb',
    ]);
  });
});

describe('a virtual package', () => {
  const one = [
    { name: 'vim', version: '1', provides: { editor: '8' } },
    { name: 'vim', version: '2', provides: { editor: '9' } },
  ];

  it('is its only provider, the newest version of it', () => {
    expect(select(one, request('editor'))).toEqual(['stable/vim_2.deb']);
  });

  it('meets a constraint by the version that is provided', () => {
    expect(select(one, request('editor', ['<<', '9']))).toEqual(['stable/vim_1.deb']);
    expect(failure(() => select(one, request('editor', ['>>', '9']))).code).toBe('unsatisfiable');
    const bare = [{ name: 'vim', version: '2', provides: { editor: '' } }];
    expect(failure(() => select(bare, request('editor', ['>=', '1']))).code).toBe('unsatisfiable');
  });

  it('is refused where several packages provide it', () => {
    const two = [...one, { name: 'nano', version: '1', provides: { editor: '' } }];
    const error = failure(() => select(two, request('editor')));
    expect(error).toMatchObject({ code: 'ambiguous-package', details: { facts: ['provided by: nano, vim'] } });
    expect(select(two, request('editor', ['=', '9']))).toEqual(['stable/vim_2.deb']);
  });
});

describe('what cannot be had', () => {
  it('is unknown, with names that are near', () => {
    expect(failure(() => select([], request('jqq')))).toMatchObject({
      code: 'unknown-package',
      message: 'there is no package jqq',
      details: { facts: ['similar names: jqq-like'] },
    });
  });

  it('is named with the architectures that do have it', () => {
    const foreign = [{ name: 'jq', version: '1', architecture: 'arm64' }];
    expect(failure(() => select(foreign, request('jq'))).details.facts).toEqual(['available: for arm64']);
  });

  it('is told all at once', () => {
    const offers = [{ name: 'jq', version: '1' }];
    const error = failure(() => select(offers, request('jq', ['>>', '1']), request('jq'), request('nope')));
    expect(error.code).toBe('unsatisfiable');
    expect(error.details.facts).toEqual([
      'no version of jq is >> 1',
      '  available: 1 in stable',
      'there is no package nope',
      '  similar names: nope-like',
    ]);
  });
});

describe('the address of a package file', () => {
  it('is below the repository, every part of the path encoded', () => {
    expect(packageUrl('http://a/debian', './pool/g++/g++_1%3a2.deb')).toBe(
      'http://a/debian/pool/g%2B%2B/g%2B%2B_1%253a2.deb',
    );
  });

  it.each(['../x.deb', 'pool/../../x.deb', '/etc/passwd', 'a//b', '', 'a/./b', 'a\\b', 'a\nb'])(
    'is refused for %j',
    (filename) => {
      expect(failure(() => packageUrl('http://a', filename)).code).toBe('verification-failed');
    },
  );
});
