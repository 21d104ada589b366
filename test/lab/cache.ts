import { homedir } from 'node:os';
import { join } from 'node:path';

/** A path in the lab's cache, outside the checkout: `${XDG_CACHE_HOME:-~/.cache}/sysext-agent-lab/<parts>`. */
export function labCache(...parts: readonly string[]): string {
  const home = process.env['XDG_CACHE_HOME'];
  const base = home === undefined || home === '' ? join(homedir(), '.cache') : home;
  return join(base, 'sysext-agent-lab', ...parts);
}
