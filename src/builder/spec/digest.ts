import { quote } from '../../core/yaml/text.ts';

/** How many hexadecimal digits each algorithm gives. */
const lengths: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };

/** What is wrong with a digest such as `sha256:0123…`; undefined where nothing is. */
export function digestProblem(digest: string): string | undefined {
  const [, algorithm = '', hex = ''] = /^([a-z0-9]+(?:[+._-][a-z0-9]+)*):([a-zA-Z0-9=_-]+)$/.exec(digest) ?? [];
  if (algorithm === '') return `invalid digest ${quote(digest)}: write ALGORITHM:HEX, such as sha256:0123…`;
  const length = Object.hasOwn(lengths, algorithm) ? lengths[algorithm] : undefined;
  if (length === undefined) {
    return `invalid digest: unsupported algorithm ${quote(algorithm)}, one of ${Object.keys(lengths).join(', ')} is needed`;
  }
  if (/^[0-9a-f]+$/.test(hex) && hex.length === length) return undefined;
  return `invalid digest: ${algorithm} has ${length} hexadecimal digits in lower case, not ${quote(hex)}`;
}
