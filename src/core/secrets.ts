/** What may be secret in a text that people show to others: passwords in URLs, values of what is called a secret. */
const secrets = [
  [/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi, '$1***@'],
  [
    /(\b[\w-]*(?:password|passwd|secret|token|api[_-]?key|credential)[\w-]*\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;]+)/gi,
    '$1***',
  ],
  [/(\b(?:authorization|bearer)\s*[: ]\s*)(?:basic\s+|bearer\s+)?[\w.~+/=-]{8,}/gi, '$1***'],
] as const;

/** The text with stars in the place of what may be secret. */
export function withoutSecrets(text: string): string {
  return secrets.reduce((masked, [pattern, stars]) => masked.replaceAll(pattern, stars), text);
}
