import { isZone } from '../core/windows.ts';
import { linkTarget } from './root.ts';

/** Of localtime(5): where the database of time zones is. */
const database = /^(?:\.\.)?\/usr\/share\/zoneinfo\/(.+)$/;

/**
 * The time zone of this host, by the link that timedatectl(1) sets; read anew each time, since it may be set while we run.
 * @returns what Node takes for it where there is no such link, or Node does not know the zone.
 */
export function localZone(): string {
  const [, zone = ''] = database.exec(linkTarget('/etc/localtime') ?? '') ?? [];
  return isZone(zone) ? zone : new Intl.DateTimeFormat().resolvedOptions().timeZone;
}
