import { describe, expect, test } from 'vitest';

import { sysextSettings } from '../../../../src/builder/spec/sysext-settings.ts';
import { isAgentError, renderError } from '../../../../src/core/errors.ts';

const flatcar = {
  DALEC_SYSEXT_OS_ID: 'flatcar',
  DALEC_SYSEXT_SYSEXT_LEVEL: '1.0',
  DALEC_SYSEXT_IMAGE_NAME: '${name}',
};

function refusal(buildArguments: Record<string, string>): string {
  try {
    sysextSettings('jq', {}, buildArguments);
    return '';
  } catch (error) {
    if (!isAgentError(error, 'usage')) throw error;
    return renderError(error);
  }
}

describe('settings of an image', () => {
  test('fit every OS unless something is said', () => {
    expect(sysextSettings('jq', {}, {})).toEqual({ osId: '_any' });
  });

  test('come from the target, with the name of the spec', () => {
    expect(sysextSettings('go-md2man', flatcar, {})).toEqual({
      osId: 'flatcar',
      sysextLevel: '1.0',
      imageName: 'go-md2man',
    });
  });

  test('come from the user where they are not empty', () => {
    const given = { DALEC_SYSEXT_OS_ID: 'debian', DALEC_SYSEXT_SYSEXT_LEVEL: '', DALEC_SYSEXT_IMAGE_NAME: 'x.raw' };
    expect(sysextSettings('jq', flatcar, given)).toEqual({ osId: 'debian', sysextLevel: '1.0', imageName: 'x' });
  });

  test('a version given takes the place of a level by default', () => {
    expect(sysextSettings('jq', flatcar, { DALEC_SYSEXT_OS_VERSION_ID: '4593.0.0' })).toEqual({
      osId: 'flatcar',
      osVersionId: '4593.0.0',
      imageName: 'jq',
    });
  });

  test('a version and a level given both hold', () => {
    const given = { DALEC_SYSEXT_OS_VERSION_ID: '4593.0.0', DALEC_SYSEXT_SYSEXT_LEVEL: '2.0' };
    expect(sysextSettings('jq', flatcar, given)).toMatchObject({ osVersionId: '4593.0.0', sysextLevel: '2.0' });
  });

  test('what Dalec knows is accepted', () => {
    expect(
      sysextSettings(
        'jq',
        {},
        { DALEC_SKIP_TESTS: '1', TARGETARCH: 'arm64', DALEC_SYSEXT_OTHER: 'x', SOURCE_DATE_EPOCH: '0' },
      ),
    ).toEqual({ osId: '_any' });
  });

  test('what nobody knows is refused, with what was probably meant', () => {
    expect(refusal({ DALEC_SKIP_TEST: '1' })).toMatch(
      /^unknown arg: "DALEC_SKIP_TEST"\n {2}known: DALEC_SYSEXT_OS_ID .*\nDid you mean DALEC_SKIP_TESTS\?$/,
    );
    expect(refusal({ FOO: '' })).toMatch(/^unknown arg: "FOO"\n/);
  });

  test('what the spec declares is accepted', () => {
    expect(sysextSettings('jq', {}, { FOO: 'a' }, ['FOO'])).toEqual({ osId: '_any' });
  });

  test.each([
    ['OS_ID', 'debian\nID=other'],
    ['OS_VERSION_ID', '"12"'],
    ['SYSEXT_LEVEL', '1 0'],
    ['IMAGE_NAME', '../x'],
    ['IMAGE_NAME', '.raw'],
    ['IMAGE_NAME', 'x.raw.raw'],
  ])('%s cannot be %j', (name, value) => {
    expect(refusal({ [`DALEC_SYSEXT_${name}`]: value })).toContain(`DALEC_SYSEXT_${name} cannot be`);
  });
});
