/** What the installed systemd-sysext is and can do. */
export interface SystemdVersion {
  readonly major: number;
  readonly minor: number;
  /** Whether an extension may match the host's ID_LIKE: 258, and the stable releases from 257.8 on. */
  readonly matchesIdLike: boolean;
  /**
   * Which extension-release file may speak for an image by its base name: none; since 257 one that carries just the base
   * name; at 256 also one with the same base name. The stable release 254.26 does as 257 does (seen in the lab).
   */
  readonly baseNames: 'none' | 'same' | 'exact';
}

/** The oldest version with systemd-sysext. */
export const oldestSystemd = 248;

/**
 * Reads the first line of `systemd-sysext --version`, such as `systemd 257 (257.13-1~deb13u1)`. Stable releases carry
 * features of later versions, so the number in brackets counts as well.
 * @returns undefined where the line is something else.
 */
export function parseSystemdVersion(text: string): SystemdVersion | undefined {
  const [, major, detail] = /^systemd (\d+)(?: \(([^)]*)\))?/.exec(text) ?? [];
  if (major === undefined) return undefined;
  const [, minor] = new RegExp(`^v?${major}\\.(\\d+)`).exec(detail ?? '') ?? [];
  return systemdVersion(Number(major), Number(minor ?? 0));
}

export function systemdVersion(major: number, minor = 0): SystemdVersion {
  return {
    major,
    minor,
    matchesIdLike: major >= 258 || (major === 257 && minor >= 8),
    baseNames: major === 256 ? 'same' : major >= 257 || (major === 254 && minor >= 26) ? 'exact' : 'none',
  };
}
