import { AgentError } from '../../core/errors.ts';
import { quote } from '../../core/yaml/text.ts';
import { signerWords, type TrustRule } from '../../core/trust-rules.ts';
import type { Claim, Statement } from './claim.ts';
import type { RuleKeys } from './rule-keys.ts';

const left = 'Nothing was fetched or changed.';

type Asked = Pick<Claim, 'place' | 'name'>;

/** That this host knows nobody who speaks for a place. */
export function noRule({ place, name }: Asked): AgentError {
  return new AgentError('verification-failed', `nobody is trusted to publish ${name} at ${place}`, {
    unverified: 'untrusted',
    left,
    next: `Give the digest of the image, or write into /etc/sysext-agent/agent.yml whom to trust: ${example(place, name, 'keys: [FILE.pub]')} with the key as /etc/sysext-agent/keys/FILE.pub. Without any signature: ${example(place, name, 'unsigned: allowed')}`,
  });
}

function example(place: string, name: string, basis: string): string {
  return `trust: [{place: ${quote(place)}, names: [${name}], ${basis}}]`;
}

/** That what the settings say of a place has ended. */
export function ruleEnded({ place, name }: Asked, rule: TrustRule): AgentError {
  return new AgentError('verification-failed', `nobody is trusted any more to publish ${name} at ${place}`, {
    unverified: 'untrusted',
    facts: [`the trust in ${rule.place} ended after ${rule.until ?? ''}`],
    left,
    next: 'Look whether the keys are still the right ones, then set a later day in `until` of the settings `trust`.',
  });
}

/**
 * That no signature is good.
 * @param subject what should have one.
 */
export function unsigned(
  { place, name }: Asked,
  subject: string,
  verdicts: readonly { readonly fault: string }[],
  keys: RuleKeys,
): AgentError {
  const files = [...keys.cosign.map(({ file }) => file), ...keys.openpgp.map(({ path }) => path)];
  const identities = keys.signers.map(signerWords);
  const basis = identities.length === 0 ? 'by a key that is trusted there' : 'by anybody who is trusted there';
  const found =
    verdicts.length === 0 && files.length + identities.length > 0
      ? ['there is no signature']
      : verdicts.map(({ fault }) => fault);
  return new AgentError('verification-failed', `${subject} has no good signature ${basis}`, {
    unverified: 'signature',
    facts: [
      ...found,
      ...(files.length > 0 || identities.length === 0 ? [`trusted keys: ${files.join(', ') || 'none'}`] : []),
      ...identities.map((identity) => `trusted: ${identity}`),
      ...keys.unusable,
    ],
    left,
    next: `If the publisher of ${name} has a new key, put it into /etc/sysext-agent/keys and name it in \`keys\` of the settings \`trust\` for ${place}; one image can be taken by its digest. Otherwise do not use it.`,
  });
}

/**
 * That a document is about something else than what was asked for.
 * @param missing what it does not say and would have to.
 */
export function notAbout(claim: Claim, statement: Statement, missing: readonly string[]): AgentError {
  const { name, version, architecture = '' } = claim;
  const asked = `${name} ${version} ${architecture}`.trimEnd();
  const says = [statement.name, statement.version, statement.architecture].filter((part) => part !== undefined);
  return new AgentError('verification-failed', `what ${claim.place} published is not ${asked}`, {
    facts: [
      `it says of itself: ${says.map((part) => quote(part)).join(' ') || 'nothing'}`,
      ...(missing.length === 0
        ? []
        : [`it does not say its ${missing.join(' and ')}: a signature may be of any image`]),
    ],
    left,
    next: 'Where another extension is meant than the place is called by, name it with --name; where this very image is meant, ask for it by its digest. Otherwise tell the publisher.',
  });
}
