/** As many symbolic links as the kernel follows in one path (path_resolution(7)). */
const maxLinks = 40;

/**
 * Where `path` leads in a tree that nothing leads out of: symbolic links are followed, absolute ones from the root of
 * the tree, and `..` stops there. Parts that do not exist are taken as they are.
 * @param targetOf where the link at a path leads, links before the last part resolved; undefined for what is no link.
 * @returns the path without a leading slash, or undefined where links lead in a loop.
 */
export function followLinks(path: string, targetOf: (path: string) => string | undefined): string | undefined {
  const pending = partsOf(path);
  const found: string[] = [];
  let links = 0;
  for (let part = pending.shift(); part !== undefined; part = pending.shift()) {
    if (part === '.') continue;
    if (part === '..') {
      found.pop();
      continue;
    }
    const target = targetOf([...found, part].join('/'));
    if (target === undefined) {
      found.push(part);
      continue;
    }
    if (++links > maxLinks) return undefined;
    if (target.startsWith('/')) found.length = 0;
    pending.unshift(...partsOf(target));
  }
  return found.join('/');
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '');
}
