import { dirname, join } from 'node:path';

import { isAgentError } from '../core/errors.ts';
import { freeSpace } from '../host/disk-space.ts';
import { findProgram } from '../host/exec.ts';
import { fileStatus, linkStatus, listNames, readTextIfAny } from '../host/files.ts';
import { belowRoot } from '../host/root.ts';
import { mountedKeys } from '../systemd/drivers/images.ts';
import { systemdRuns } from '../systemd/sysext-tool.ts';
import { unitFileState } from '../systemd/units.ts';
import type { Agent } from './agent.ts';
import { fine, problem, type Answer } from './answer.ts';
import { confextsOverview } from './confexts.ts';
import { openHistory } from './history.ts';
import { metricsDirectory, metricsFileName } from './metrics-file.ts';
import { mountObstacle } from './offered-images.ts';
import { readSettings } from './settings.ts';

/** What is assumed of the host itself, whatever this agent keeps on it. */

const fileSystems = ['overlay', 'erofs', 'squashfs'] as const;

/** Also those that the kernel has as modules, which it loads when they are wanted. */
export function checkKernel(): Answer[] {
  const release = readTextIfAny('/proc/sys/kernel/osrelease')?.trim() ?? '';
  const built = readTextIfAny('/proc/filesystems') ?? '';
  const modules = ['modules.dep', 'modules.builtin'].map((name) => readTextIfAny(`/lib/modules/${release}/${name}`));
  const missing = fileSystems.filter(
    (name) =>
      !new RegExp(`\\b${name}$`, 'm').test(built) && !modules.some((text) => text?.includes(`/${name}.ko`) === true),
  );
  if (missing.includes('overlay')) {
    return [problem(`Linux ${release} has no overlay: nothing can be merged`, 'Boot a kernel with CONFIG_OVERLAY_FS.')];
  }
  const lacking = missing.length === 0 ? '' : `; it cannot mount images of ${missing.join(' and ')}`;
  return [fine(`Linux ${release}, with ${fileSystems.filter((name) => !missing.includes(name)).join(', ')}${lacking}`)];
}

/** Without the first ones nothing works; the others are for what few do. */
const tools = {
  needed: ['systemd-sysext', 'flock'],
  wanted: ['mkfs.erofs', 'fsck.erofs', 'unsquashfs', 'systemd-dissect', 'systemctl', 'mksquashfs', 'logger'],
} as const;

export async function checkTools({ exec }: Agent): Promise<Answer[]> {
  const missing = (names: readonly string[]) => names.filter((name) => findProgram(name) === undefined);
  const needed = missing(tools.needed).map((name) => problem(`${name} is not installed`, packageOf[name]));
  const absent = missing(tools.wanted);
  const lacking = absent.length === 0 ? '' : `; not installed, and not always needed: ${absent.join(', ')}`;
  return [...needed, fine(`Node ${process.versions.node}, ${(await erofsVersion(exec)) ?? 'no mkfs.erofs'}${lacking}`)];
}

const packageOf: Readonly<Record<string, string>> = {
  'systemd-sysext': 'Install systemd 248 or later; some distributions have it in systemd-container.',
  flock: 'Install util-linux.',
};

async function erofsVersion(exec: Agent['exec']): Promise<string | undefined> {
  if (findProgram('mkfs.erofs') === undefined) return undefined;
  const { stdout, stderr } = await exec.run('mkfs.erofs', ['-V']);
  const [, version] = /\b(\d+\.[\w.-]+)/.exec(`${stdout}\n${stderr}`) ?? [];
  return `mkfs.erofs ${version ?? 'of an unknown version'}`;
}

/** Extensions are hard links into the store: both must be on one mount. */
export function checkMounts({ root, paths }: Agent): Answer[] {
  const [store, extensions] = [paths.store, paths.extensions].map((path) => fileStatus(nearest(path))?.dev);
  if (store !== extensions) {
    return [
      problem(
        `${paths.store} and ${paths.extensions} are on two file systems: images cannot be linked from one into the other`,
        'Mount one file system at /var/lib, or at neither of them.',
      ),
    ];
  }
  const links = ['/usr', '/opt']
    .map((path) => belowRoot(root, path))
    .filter((path) => linkStatus(path)?.isSymbolicLink() === true);
  const linked = links.length === 0 ? '' : `; ${links.join(' and ')} is a symbolic link`;
  return [fine(`the store and ${paths.extensions} are on one file system${linked}`)];
}

/** Where there is a gap, that is to know, and no problem by itself. */
export async function checkDriver(agent: Agent): Promise<Answer[]> {
  const { driver: name, why, impossible } = await agent.driver.choice();
  if (impossible === true) {
    return [problem(`merge.driver asks for atomic, and this host cannot do that: ${why}`, 'Set it to auto.')];
  }
  const confexts = await confextDriver(agent);
  if (name === 'refresh') return [fine(`refresh, with a gap: ${why}`), ...confexts];
  const obstacle = await mountObstacle(agent);
  const mounted = mountedKeys().length;
  const images =
    obstacle === undefined
      ? `${mounted} ${mounted === 1 ? 'image is' : 'images are'} mounted once`
      : `images are mounted at every merge, since ${obstacle}`;
  return [fine(`atomic, without a gap: ${why}; ${images}`), ...confexts];
}

/** Nothing where the host has none. */
async function confextDriver(agent: Agent): Promise<Answer[]> {
  const { extensions, choice } = await confextsOverview(agent);
  if (extensions.length === 0) return [];
  const gap = choice.driver === 'atomic' ? 'without a gap' : 'with a gap';
  return [fine(`confexts: ${choice.driver}, ${gap}: ${choice.why}`)];
}

/** Less than this does not hold an image of usual size, in bytes. */
const littleSpace = 256 << 20;

export function checkSpace({ paths }: Agent): Answer[] {
  const places = [...new Set([paths.store, '/var/cache/sysext-agent', '/run/sysext-agent'].map(nearest))];
  const told = places.map((path) => ({ path, mebibytes: Math.floor(freeSpace(path) / 2 ** 20) }));
  const [store] = told;
  const sentence = `free: ${told.map(({ path, mebibytes }) => `${mebibytes} MiB at ${path}`).join(', ')}`;
  if (store !== undefined && store.mebibytes * 2 ** 20 < littleSpace) {
    return [problem(sentence, 'Make room, or let `sysext-agent gc --keep=2` do it.')];
  }
  return [fine(sentence)];
}

/** The directory itself, or what it will be made in. */
function nearest(path: string): string {
  return fileStatus(path) === undefined && path !== '/' ? nearest(dirname(path)) : path;
}

/** Files are dated by it, and images and signatures judged. */
export function checkClock({ paths, clock }: Agent): Answer[] {
  const now = clock.now();
  using history = openHistory(paths.history, { writable: false });
  const [last] = history.operations(1);
  const ahead = (last?.startedAt.getTime() ?? 0) - now.getTime();
  const told = now.toISOString();
  if (ahead > 0) {
    return [
      problem(
        `the clock says ${told}, and operation ${last?.id ?? 0} was ${Math.ceil(ahead / 1000)} s later`,
        'See `timedatectl`: it was set back, or was ahead then.',
      ),
    ];
  }
  if (now.getTime() < firstRelease) return [problem(`the clock says ${told}`, 'Set it: see `timedatectl`.')];
  return [fine(`the clock says ${told}`)];
}

/** No host has been running this program before. */
const firstRelease = Date.UTC(2025, 0, 1);

/** What may keep programs of an extension, or this one, from their work: to know, and no problem by itself. */
export function checkSecurity(): Answer[] {
  const selinux = readTextIfAny('/sys/fs/selinux/enforce')?.trim();
  const appArmor = readTextIfAny('/sys/module/apparmor/parameters/enabled')?.trim() === 'Y';
  const lockdown = /\[(\w+)\]/.exec(readTextIfAny('/sys/kernel/security/lockdown') ?? '')?.[1];
  const found = [
    ...(selinux === undefined
      ? []
      : [`SELinux ${selinux === '1' ? 'enforces: files of images need labels' : 'permits'}`]),
    ...(appArmor ? ['AppArmor is on: its profiles go by path, also for files of extensions'] : []),
    ...(lockdown === undefined || lockdown === 'none' ? [] : [`the kernel is locked down (${lockdown})`]),
  ];
  return [fine(found.length === 0 ? 'neither SELinux nor AppArmor' : found.join('; '))];
}

const serviceUnit = 'sysext-agent.service';

/** A host without the service is none that is wrong: commands do without it. */
export async function checkService({ exec, root }: Agent): Promise<Answer[]> {
  const state = await unitFileState(exec, root, serviceUnit);
  if (state === 'not-found') return [fine(`there is no ${serviceUnit}`)];
  if (root !== '/' || !systemdRuns()) return [fine(`${serviceUnit} is ${state}`)];
  const { stdout } = await exec.run('systemctl', ['is-active', serviceUnit]);
  const activity = stdout.trim();
  const sentence = `${serviceUnit} is ${state} and ${activity}`;
  if (activity === 'failed') return [problem(sentence, `journalctl -u ${serviceUnit}`)];
  if (state === 'enabled' && activity === 'inactive') return [problem(sentence, `systemctl start ${serviceUnit}`)];
  return [fine(sentence)];
}

const busSocket = '/run/dbus/system_bus_socket';

/** Where systemd runs, the service needs the bus to have anything merged. */
export async function checkBus({ exec, root }: Agent): Promise<Answer[]> {
  if (root !== '/' || !systemdRuns()) return [fine('systemd does not run here: nothing is asked over the bus')];
  if (fileStatus(busSocket) === undefined) {
    return [problem(`there is no ${busSocket}: the service can merge nothing`, 'systemctl start dbus.socket')];
  }
  const { exitCode, stderr } = await exec.run('busctl', ['--timeout=5', 'call', ...ping]);
  if (exitCode === 0) return [fine('systemd answers on the bus')];
  return [problem(`systemd does not answer on the bus: ${stderr.trim()}`, 'systemctl status dbus')];
}

const ping = ['org.freedesktop.systemd1', '/org/freedesktop/systemd1', 'org.freedesktop.DBus.Peer', 'Ping'] as const;

export async function checkMetrics(agent: Agent): Promise<Answer[]> {
  const settings = await readSettings(agent.root);
  const { metricsDirectory: configured } = settings;
  const directory = metricsDirectory(agent.root, settings);
  if (directory === undefined && configured !== undefined && configured !== 'off') {
    return [problem(`metrics_directory is ${configured}, and there is no such directory`, `mkdir -p ${configured}`)];
  }
  if (directory === undefined) return [fine('no directory of node_exporter: numbers are not written')];
  const file = join(directory, metricsFileName);
  if (fileStatus(file) !== undefined) return [fine(`numbers are written to ${file}`)];
  if (isEmptyHistory(agent)) return [fine(`numbers will be written to ${file}`)];
  return [problem(`${file} was not written`, 'See that root can write there: sysext-agent refresh writes it.')];
}

function isEmptyHistory({ paths }: Agent): boolean {
  try {
    using history = openHistory(paths.history, { writable: false });
    return history.operations(1).length === 0;
  } catch (error) {
    if (!isAgentError(error)) throw error;
    return false;
  }
}

/** Names of files in the directories of the configuration, for a report: what they say may be secret. */
export function configurationNames(root: string, directories: readonly string[]): string[] {
  return directories.flatMap((directory) =>
    listNames(belowRoot(root, directory)).map((name) => `${directory}/${name}`),
  );
}
