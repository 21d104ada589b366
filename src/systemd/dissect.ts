import { AgentError, isAgentError } from '../core/errors.ts';
import type { Exec } from '../host/exec.ts';
import { truncated, type ImageBytes } from '../host/image-bytes.ts';

/**
 * Images that only systemd-dissect(1) can open: partition tables and file systems that we do not read ourselves. It
 * mounts them, read-only and in a mount namespace of its own, and needs root and loop devices for it.
 */

export type DiskKind = 'ext4' | 'btrfs' | 'GPT';

/** Where a disk image says what it is. */
const signatures: readonly { kind: DiskKind; at: number; bytes: Buffer }[] = [
  { kind: 'GPT', at: 512, bytes: Buffer.from('EFI PART') },
  { kind: 'GPT', at: 4096, bytes: Buffer.from('EFI PART') },
  { kind: 'btrfs', at: 0x10040, bytes: Buffer.from('_BHRfS_M') },
  { kind: 'ext4', at: 1024 + 0x38, bytes: Buffer.of(0x53, 0xef) },
];

/** What kind of disk image this is, or undefined for none. */
export function diskKind(image: ImageBytes): DiskKind | undefined {
  return signatures.find(
    ({ at, bytes }) => at + bytes.length <= image.size && image.read(at, bytes.length).equals(bytes),
  )?.kind;
}

/** @throws AgentError `invalid-image` where the image is shorter than it says. */
export function checkDiskSize(image: ImageBytes, kind: DiskKind): void {
  const promised = promisedSize(image, kind);
  if (promised > image.size) throw truncated(image.name, promised, image.size);
}

function promisedSize(image: ImageBytes, kind: DiskKind): number {
  if (kind === 'ext4') return sizeOfExt4(image);
  if (kind === 'btrfs') return sizeOfBtrfs(image);
  return sizeOfGpt(image, image.read(512, 8).toString() === 'EFI PART' ? 512 : 4096);
}

/** The backup header of a GPT is its last sector (UEFI specification, 5.3.2). */
function sizeOfGpt(image: ImageBytes, sector: number): number {
  return (Number(image.read(sector + 32, 8).readBigUInt64LE(0)) + 1) * sector;
}

function sizeOfExt4(image: ImageBytes): number {
  const superblock = image.read(1024, 0x154);
  const has64Bit = (superblock.readUInt32LE(0x60) & 0x80) !== 0;
  const blocks = superblock.readUInt32LE(4) + (has64Bit ? superblock.readUInt32LE(0x150) * 2 ** 32 : 0);
  return blocks * 2 ** (10 + Math.min(superblock.readUInt32LE(0x18), 6));
}

function sizeOfBtrfs(image: ImageBytes): number {
  return Number(image.read(0x10000 + 0x70, 8).readBigUInt64LE(0));
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
