import { AgentError } from '../../core/errors.ts';
import type { Problem } from '../../core/problems.ts';
import { fieldPath, quote } from '../../core/yaml/text.ts';

/** What a source needs is not in the cache, and may not be fetched. */
export function notInCache(name: string): AgentError {
  return new AgentError('network', `the source ${quote(name)} is not in the cache, and the network is not used`, {
    left: 'Nothing was built.',
    next: 'Run the command once without --offline.',
  });
}

/** A source that says what cannot be. */
export function wrongSource(name: string, position: Problem['position'], field: string, message: string): AgentError {
  return new AgentError('invalid-spec', `the source ${quote(name)} cannot be used`, {
    problems: [{ position, field: `${fieldPath('sources', name)}.${field}`, message }],
    left: 'Nothing was built.',
  });
}
