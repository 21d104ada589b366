import { renderProblem } from '../../../../src/core/problems.ts';
import type { Decoder } from '../../../../src/core/yaml/decoder.ts';
import { decodeYaml } from '../../../../src/core/yaml/document.ts';

/** What a user would see: the value, or the problems without their excerpts. */
export function decode<T>(text: string, decoder: Decoder<T>): T | readonly string[] {
  const decoded = decodeYaml(text, 'a.yml', decoder);
  return decoded.ok
    ? decoded.value
    : decoded.problems.map(({ position, field, message }) => renderProblem({ position, field, message }));
}
