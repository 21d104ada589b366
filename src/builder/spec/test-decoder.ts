import { boolean, entriesOf, list, located, mapped, type Decoder } from '../../core/yaml/decoder.ts';
import { optional, struct, withDefault } from '../../core/yaml/struct.ts';
import { source } from './source-decoder.ts';
import { mounts, withExtensions } from './step-decoder.ts';
import type { FileCheck, OutputCheck, SpecTest, TestStep } from './tests.ts';
import { environment, mode, text, texts, word } from './text.ts';

const flag = withDefault(boolean, false);

const outputFields = {
  equals: optional(text),
  contains: texts,
  matches: texts,
  starts_with: optional(text),
  ends_with: optional(text),
  empty: flag,
};

const outputCheck: Decoder<OutputCheck> = mapped(
  struct(outputFields),
  ({ starts_with: startsWith, ends_with: endsWith, ...rest }) => ({ ...rest, startsWith, endsWith }),
);

const anyOutput: OutputCheck = {
  equals: undefined,
  contains: [],
  matches: [],
  startsWith: undefined,
  endsWith: undefined,
  empty: false,
};

const fileCheck: Decoder<FileCheck> = mapped(
  struct({
    ...outputFields,
    permissions: mode,
    is_dir: flag,
    not_exist: flag,
    no_follow: flag,
    link_target: word,
  }),
  ({ equals, contains, matches, empty, permissions, ...rest }) => ({
    equals,
    contains,
    matches,
    startsWith: rest.starts_with,
    endsWith: rest.ends_with,
    empty,
    permissions,
    isDirectory: rest.is_dir,
    notExist: rest.not_exist,
    noFollow: rest.no_follow,
    linkTarget: rest.link_target,
  }),
);

const step: Decoder<TestStep> = mapped(
  located(
    struct({
      command: word,
      env: environment,
      stdin: optional(text),
      stdout: withDefault(outputCheck, anyOutput),
      stderr: withDefault(outputCheck, anyOutput),
    }),
  ),
  ({ value, position }) => ({ ...value, position }),
);

const test: Decoder<SpecTest> = mapped(
  located(
    struct(
      {
        name: word,
        dir: word,
        mounts: withDefault(mounts(source), []),
        env: environment,
        steps: withDefault(list(step), []),
        files: withDefault(entriesOf(fileCheck), []),
      },
      withExtensions,
    ),
  ),
  ({ value: { files, ...fields }, position }) => ({
    ...fields,
    position,
    files: files.map(({ key: path, value: check }) => ({ path, check })),
  }),
);

/** The tests of a spec or of a target. */
export const tests = withDefault(list(test), []);
