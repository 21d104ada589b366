import { AgentError, exitCodeOf, isAgentError, type ErrorCode, type ErrorDetails } from '../core/errors.ts';
import {
  decodeJson,
  jsonCount,
  jsonList,
  jsonOneOf,
  jsonOptional,
  jsonStruct,
  jsonText,
  type JsonDecoder,
} from '../core/json.ts';
import type { Problem } from '../core/problems.ts';
import { fileStatus, readText, writeAtomically } from '../host/files.ts';

/**
 * An error goes from one run of this program to the one that started it as a file, which the environment names: no text for
 * people is read back.
 */
export const errorFileVariable = 'SYSEXT_AGENT_ERROR_FILE';

/** The most that a line has, in characters, that a list has, and that the file has, in bytes. */
const [longestLine, mostLines, mostBytes] = [8192, 1000, 16 << 20];

/** Leaves an error for who waits for this run. Where it cannot be written, that one is told how the run ended. */
export function leaveError(error: AgentError, path: string): void {
  try {
    writeAtomically(path, JSON.stringify(asLeft(error)), 0o600);
  } catch (failure) {
    if (!isAgentError(failure)) throw failure;
  }
}

/** The error that a run left, or undefined where it left none. */
export function leftError(path: string): AgentError | undefined {
  const status = fileStatus(path);
  if (status?.isFile() !== true || status.size > mostBytes) return undefined;
  const read = decodeJson(readText(path), left);
  if (!('value' in read)) return undefined;
  const { code, message, facts, problems, ...sentences } = read.value;
  return new AgentError(code, message, {
    ...(facts.length === 0 ? {} : { facts }),
    ...(problems.length === 0 ? {} : { problems }),
    ...given(sentences),
  });
}

function given({ left: stayed, next }: { readonly left: string; readonly next: string }): ErrorDetails {
  return { ...(stayed === '' ? {} : { left: stayed }), ...(next === '' ? {} : { next }) };
}

/** In lines of bounded length, none of which a terminal would act on: what programs printed is among the facts. */
function asLeft({ code, message, details }: AgentError) {
  const { facts = [], problems = [], left: stayed = '', next = '' } = details;
  const [first = '', ...more] = message.split('\n');
  return {
    code,
    message: line(first),
    facts: [...more, ...facts.flatMap((fact) => fact.split('\n'))].slice(0, mostLines).map(line),
    left: line(stayed),
    next: line(next),
    problems: problems.slice(0, mostLines).map(({ position, field, message: what, excerpt }) => ({
      position: { ...position, file: line(position.file) },
      field: line(field),
      message: line(what),
      ...(excerpt === undefined ? {} : { excerpt: line(excerpt) }),
    })),
  };
}

function line(text: string): string {
  return text
    .toWellFormed()
    .slice(0, longestLine)
    .replace(/\p{Cc}/gu, ' ');
}

const text = jsonText(longestLine);

const problem: JsonDecoder<Problem> = (value, path) => {
  const { excerpt, ...read } = jsonStruct({
    position: jsonStruct({ file: text, line: jsonCount, column: jsonCount }),
    field: text,
    message: text,
    excerpt: jsonOptional(text, undefined),
  })(value, path);
  return excerpt === undefined ? read : { ...read, excerpt };
};

const left = jsonStruct({
  code: jsonOneOf(Object.keys(exitCodeOf) as ErrorCode[], 'a code'),
  message: text,
  facts: jsonList(text, mostLines),
  left: text,
  next: text,
  problems: jsonList(problem, mostLines),
});
