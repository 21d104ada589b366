import type { Layout } from './layout.ts';

/**
 * The mode that a file gets in a package of this family where the spec says none: rpm keeps what was built, debhelper
 * puts its own rules in place (dh_fixperms(1)).
 */
export function packagedMode(path: string, mode: number, { family }: Layout): number {
  if (family === 'rpm') return mode;
  const plain = (mode & 0o111) === 0 ? 0o644 : 0o755;
  if (/^(usr\/)?(s?bin|games)\/[^/]+$|^etc\/init\.d\/[^/]+$/.test(path)) return 0o755;
  return isNeverExecutable(path) ? 0o644 : plain;
}

function isNeverExecutable(path: string): boolean {
  return (
    /^usr\/(include|share\/(man|applications))\//.test(path) ||
    /^usr\/share\/doc\/(?!.*\/examples\/)/.test(path) ||
    /\.(so(\.[\w.]+)?|l?a)$/.test(path)
  );
}
