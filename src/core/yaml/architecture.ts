import { parseArchitecture } from '../architecture.ts';
import { parsed, string } from './decoder.ts';
import { quote } from './text.ts';

/** The name of an architecture in any spelling: systemd's, uname's, Docker's, Debian's, rpm's. */
export const architecture = parsed(string, (name) => {
  const value = parseArchitecture(name);
  return value === undefined ? { problem: `unknown architecture ${quote(name)}` } : { value };
});
