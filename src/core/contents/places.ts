import type { ImageEntry } from '../image-entry.ts';

/** Where the dynamic loader and its configuration look for libraries on any host (ld.so(8)). */
const libraryDirectory = String.raw`usr/(?:local/)?lib(?:32|64|x32)?(?:/[^/]+-linux-[^/]+)?(?:/glibc-hwcaps/[^/]+)?`;

/** A test for libraries by their file names, a pattern, in the directories that the loader searches. */
export function libraryNamed(name: string): (path: string) => boolean {
  const pattern = new RegExp(`^${libraryDirectory}/(?:${name})$`);
  return (path) => pattern.test(path);
}

/** A test for programs of these names, a pattern, in the directories of PATH. */
export function programNamed(names: string): (path: string) => boolean {
  const pattern = new RegExp(`^usr/(?:local/)?s?bin/(?:${names})$`);
  return (path) => pattern.test(path);
}

/**
 * A test for entries, themselves no directories, in some directories or at some paths. Where the image has a
 * link on the way there, that is one: what it leads to would be found by that way.
 * @param places paths below `usr`, `local/` put in between as well: `lib/sysctl.d` is also `usr/local/lib/sysctl.d`.
 * @param settings paths below `etc`: images carry files for it in usr/share/NAME/etc, to be copied by systemd-tmpfiles.
 */
export function isIn(places: readonly string[], settings: readonly string[] = []): (entry: ImageEntry) => boolean {
  const literal = places.flatMap((place) => [`usr/${place}`, `usr/local/${place}`]);
  const inUsr = new RegExp(`^(?:${literal.map(escaped).join('|')})(?:/|$)`);
  const inEtc = new RegExp(`^usr/share/[^/]+/etc/(?:${settings.map(escaped).join('|')})(?:/|$)`);
  return ({ kind, path }) => {
    if (places.length > 0 && inUsr.test(path)) return true;
    if (settings.length > 0 && inEtc.test(path)) return true;
    return kind === 'symlink' && literal.some((place) => place.startsWith(`${path}/`));
  };
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
