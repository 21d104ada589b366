import { endianness } from 'node:os';

/**
 * The system calls that programs in a sandbox do not get, as a filter of seccomp(2). They have no rights that these would
 * need; the filter keeps them from the parts of the kernel where most of its faults were found.
 */

/** Numbers of system calls: of x86-64, and of all newer ports (asm-generic/unistd.h). */
const numbers: Readonly<Record<string, readonly [number, number]>> = {
  acct: [163, 89],
  add_key: [248, 217],
  bpf: [321, 280],
  clock_settime: [227, 112],
  delete_module: [176, 106],
  finit_module: [313, 273],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fsopen: [430, 430],
  fspick: [433, 433],
  init_module: [175, 105],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
  io_uring_setup: [425, 425],
  kexec_file_load: [320, 294],
  kexec_load: [246, 104],
  keyctl: [250, 219],
  mount: [165, 40],
  mount_setattr: [442, 442],
  move_mount: [429, 429],
  open_by_handle_at: [304, 265],
  open_tree: [428, 428],
  perf_event_open: [298, 241],
  pivot_root: [155, 41],
  quotactl: [179, 60],
  quotactl_fd: [443, 443],
  reboot: [169, 142],
  request_key: [249, 218],
  setns: [308, 268],
  settimeofday: [164, 170],
  swapoff: [168, 225],
  swapon: [167, 224],
  syslog: [103, 116],
  umount2: [166, 39],
  userfaultfd: [323, 282],
};

/** What is said to a call that is there but not allowed, and where programs have another way when it is not there. */
const [EPERM, ENOSYS, EAFNOSUPPORT] = [1, 38, 97];
const absent: readonly string[] = ['io_uring_setup', 'io_uring_enter', 'io_uring_register'];

const clone3 = 435;
/** CLONE_NEWTIME, CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET. */
const namespaces = 0x7e020080;
/** In the argument of clone(2) the lowest byte is a signal. */
const namespacesOfClone = 0x7e020000;

const families = { unix: 1, alg: 38, vsock: 40 };

interface Port {
  /** AUDIT_ARCH_* */
  readonly audit: number;
  readonly column: 0 | 1;
  readonly unshare: number;
  readonly clone: number;
  readonly socket: number;
}

const generic = { column: 1, unshare: 97, clone: 220, socket: 198 } as const;
const ports: Readonly<Record<string, Port>> = {
  x64: { audit: 0xc000003e, column: 0, unshare: 272, clone: 56, socket: 41 },
  arm64: { audit: 0xc00000b7, ...generic },
  riscv64: { audit: 0xc00000f3, ...generic },
  loong64: { audit: 0xc0000102, ...generic },
};

/** An instruction of the filter (struct sock_filter). */
type Instruction = readonly [code: number, onTrue: number, onFalse: number, value: number];

const [load, jumpIfEqual, jumpIfSet, jumpIfAtLeast, answer] = [0x20, 0x15, 0x45, 0x35, 0x06];
const allow: Instruction = [answer, 0, 0, 0x7fff0000];
const refuse = (errno: number): Instruction => [answer, 0, 0, 0x00050000 | errno];
/** Offsets in struct seccomp_data; of an argument the lower half. */
const [callAt, portAt, firstArgument] = [0, 4, 16];

/** If the call has this number, and its first argument passes `test`, this is the answer. */
function onCall(number: number, result: Instruction, test?: readonly [code: number, value: number]): Instruction[] {
  if (test === undefined) return [[jumpIfEqual, 0, 1, number], result];
  const [code, value] = test;
  return [[jumpIfEqual, 0, 4, number], [load, 0, 0, firstArgument], [code, 0, 1, value], result, [load, 0, 0, callAt]];
}

/**
 * @param processor as Node calls it.
 * @param network whether programs share the network of the host: its sockets in files they do not see, but those with
 *   abstract names they would, so they get no socket of that kind but in pairs.
 * @returns the program for bwrap --seccomp, or undefined for a processor that there is none for.
 */
export function systemCallFilter(processor: string, network: boolean): Buffer | undefined {
  const port = ports[processor];
  if (port === undefined || endianness() !== 'LE') return undefined;
  const refused = Object.entries(numbers).flatMap(([name, columns]) =>
    onCall(columns[port.column], refuse(absent.includes(name) ? ENOSYS : EPERM)),
  );
  const kinds = [families.alg, families.vsock, ...(network ? [families.unix] : [])];
  return assemble([
    [load, 0, 0, portAt],
    [jumpIfEqual, 1, 0, port.audit],
    refuse(ENOSYS),
    [load, 0, 0, callAt],
    // The 32-bit calls of x86-64 (x32) have a bit of their own.
    ...(processor === 'x64' ? [[jumpIfAtLeast, 0, 1, 0x40000000] as const, refuse(ENOSYS)] : []),
    ...refused,
    // Its flags are in memory, where a filter cannot look; the C library then takes clone(2).
    ...onCall(clone3, refuse(ENOSYS)),
    ...onCall(port.clone, refuse(EPERM), [jumpIfSet, namespacesOfClone]),
    ...onCall(port.unshare, refuse(EPERM), [jumpIfSet, namespaces]),
    ...kinds.flatMap((family) => onCall(port.socket, refuse(EAFNOSUPPORT), [jumpIfEqual, family])),
    allow,
  ]);
}

function assemble(instructions: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(instructions.length * 8);
  for (const [index, [code, onTrue, onFalse, value]] of instructions.entries()) {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(onTrue, index * 8 + 2);
    bytes.writeUInt8(onFalse, index * 8 + 3);
    bytes.writeUInt32LE(value >>> 0, index * 8 + 4);
  }
  return bytes;
}
