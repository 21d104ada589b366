import { isAgentError, messageOf, type ErrorCode } from '../../../core/errors.ts';
import { serviceName } from './definition.ts';

/** An error as callers get it. */
export interface ToldError {
  readonly name: string;
  readonly message: string;
}

/** `no-such-file` is told as `io.github.SysextAgent1.Error.NoSuchFile`. */
export function errorNameOf(code: ErrorCode): string {
  const words = code.split('-').map((word) => word.slice(0, 1).toUpperCase() + word.slice(1));
  return `${serviceName}.Error.${words.join('')}`;
}

/** What failed, why, and what to do next: in one text, without the lines of files, which not everyone may read. */
export function toldError(error: unknown): ToldError {
  if (!isAgentError(error)) {
    return { name: errorNameOf('internal'), message: readable(`the service made a mistake: ${messageOf(error)}`) };
  }
  const { facts = [], left, next } = error.details;
  const sentences = [error.message, ...facts, left, next].filter((part) => part !== undefined);
  return { name: errorNameOf(error.code), message: readable(sentences.join('\n')) };
}

/** What D-Bus can carry, of bounded length: nothing in it moves a cursor. */
function readable(text: string): string {
  return text
    .slice(0, 8000)
    .toWellFormed()
    .replaceAll(/[^\P{C}\n]+/gu, ' ');
}
