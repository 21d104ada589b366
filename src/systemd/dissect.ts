import { AgentError, isAgentError } from '../core/errors.ts';
import type { Exec } from '../host/exec.ts';
import { truncated, type ImageBytes } from '../host/image-bytes.ts';

/**
 * Images that only systemd-dissect(1) can open: btrfs, partitions to choose from, what is encrypted. It mounts them,
 * read-only and in a mount namespace of its own, and needs root and loop devices for it.
 */

const btrfsAt = 0x10000;

export function isBtrfs(image: ImageBytes): boolean {
  const at = btrfsAt + 0x40;
  return at + 8 <= image.size && image.read(at, 8).toString('latin1') === '_BHRfS_M';
}

/** @throws AgentError `invalid-image` where the image is shorter than it says. */
export function checkBtrfsSize(image: ImageBytes): void {
  const promised = Number(image.read(btrfsAt + 0x70, 8).readBigUInt64LE(0));
  if (promised > image.size) throw truncated(image.name, promised, image.size);
}

/**
 * Copies everything in the image to `to`, which must not exist.
 * @throws AgentError `invalid-image`, or `not-root`, `tool-missing` and `tool-failed` where the host is what is wrong.
 */
export async function copyFromImage(path: string, to: string, exec: Exec, signal?: AbortSignal): Promise<void> {
  try {
    const options = signal === undefined ? {} : { signal };
    const result = await exec.run('systemd-dissect', copyArguments(path, to), options);
    if (result.exitCode !== 0) throw copyError(path, result.stderr);
  } catch (error) {
    if (!isAgentError(error, 'tool-missing')) throw error;
    throw error.with({ next: 'Install the package that ships systemd-dissect, often systemd-container.' });
  }
}

export function copyArguments(path: string, to: string): string[] {
  return ['--copy-from', path, '/', to];
}

/** What systemd-dissect says when it cannot copy, as an error of the image or of the host. */
export function copyError(path: string, stderr: string): AgentError {
  const facts = stderr.trimEnd().split('\n').slice(-8);
  if (/permission denied|operation not permitted|must be root/i.test(stderr)) {
    return new AgentError('not-root', `cannot look into the disk image ${path} as this user`, {
      facts,
      next: 'Run the command as root: systemd-dissect mounts the image to read it.',
    });
  }
  if (/loopback|loop device/i.test(stderr)) {
    return new AgentError('tool-failed', `cannot look into the disk image ${path}: this host gives it no loop device`, {
      facts,
      next: 'Run the command where loop devices are available; containers often have none.',
    });
  }
  return new AgentError('invalid-image', `${path} is no disk image that systemd can open`, { facts });
}
