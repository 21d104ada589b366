import { isAgentError, messageOf } from '../core/errors.ts';
import { sysext, type ExtensionClass } from '../core/extension-class.ts';
import { messages } from '../core/messages.ts';
import { inOneLine } from '../core/problems.ts';
import type { Agent } from './agent.ts';
import type { ExtensionChange } from './records.ts';

/** What the journal is told of operations, whoever asked for them. */

/** An operation that was done. @param merged names of this class before it, and now. */
export function tellDone(
  { log }: Agent,
  extensionClass: ExtensionClass,
  extensions: readonly ExtensionChange[],
  merged: { readonly before: readonly string[]; readonly now: readonly string[] },
): void {
  const isChanged = extensions.some(({ change }) => change !== 'kept' && change !== 'merged');
  if (!isChanged && merged.before.join() === merged.now.join()) return;
  const named = (change: ExtensionChange['change']) =>
    titles(extensions.filter((extension) => extension.change === change));
  log?.tell(messages.changed, {
    installed: named('added'),
    replaced: named('replaced'),
    removed: named('removed'),
    merged: merged.now,
    ...(extensionClass === sysext ? {} : { class: extensionClass.name }),
  });
}

/** An operation that failed: told where extensions came and were taken back, since nothing else shows it afterwards. */
export function tellFailed({ log }: Agent, error: unknown): void {
  if (isAgentError(error, 'rolled-back')) log?.tell(messages.rolledBack, failureFields(error));
}

/** How something failed, as fields of a message. */
export function failureFields(error: unknown): Readonly<Record<string, string | readonly string[] | undefined>> {
  const { left, next, facts, problems } = isAgentError(error) ? error.details : {};
  return { error: messageOf(error), facts, problems: problems?.map(inOneLine), left, next };
}

/** `jq 1.7`, of each. */
export function titles(extensions: readonly { readonly name: string; readonly version?: string }[]): string[] {
  return extensions.map(({ name, version = '' }) => `${name} ${version}`.trim());
}
