import { once } from 'node:events';
import type { Duplex } from 'node:stream';

import { Message, sessionBus, type MessageBus } from 'dbus-next';

/** The name that a peer has on the bus. */
export const peerName = 'org.example.Peer';

/** What the peer answers to a call, if anything. */
export type Behaviour = (call: Message, peer: Peer) => Message | undefined;

/** Another program on the bus, with the manners that a test gives it. */
export interface Peer extends Disposable {
  readonly bus: MessageBus;
  /** Sends bytes as they are, past the library. */
  write(bytes: Buffer): void;
  /** Sends a signal to everyone, or to one. */
  signal(signal: PeerSignal): void;
}

export interface PeerSignal {
  readonly member: string;
  readonly signature?: string;
  readonly body?: unknown[];
  readonly destination?: string;
  readonly interface?: string;
  readonly path?: string;
}

export const peerPath = '/org/example/Peer';

/** Connects a peer that owns `name`, if any. */
export async function busPeer(address: string, behave: Behaviour = () => undefined, name?: string): Promise<Peer> {
  const bus = sessionBus({ busAddress: address });
  // A peer that is cut off is what some tests are about.
  bus.on('error' as never, (() => undefined) as never);
  await once(bus, 'connect');
  const stream = Reflect.get(Reflect.get(bus, '_connection') as object, 'stream') as Duplex;
  const peer: Peer = {
    bus,
    write: (bytes) => stream.write(bytes),
    signal: ({ member, ...rest }) => {
      bus.send(new Message({ type: 4, path: peerPath, interface: peerName, member, ...rest }));
    },
    [Symbol.dispose]: () => stream.destroy(),
  };
  bus.addMethodHandler((call) => {
    const answer = behave(call, peer);
    if (answer !== undefined) bus.send(answer);
    return true;
  });
  if (name !== undefined) await bus.requestName(name, 0);
  return peer;
}

/** The bytes of a signal to one receiver, whose body need not be what its signature says. */
export function rawSignal(destination: string, path: string, signature: string, body: Buffer): Buffer {
  const last = field(8, 'g', signature);
  const others = [field(1, 'o', path), field(2, 's', peerName), field(3, 's', 'Raw'), field(6, 's', destination)];
  const fields = Buffer.concat([...others.map(paddedTo8), last]);
  const header = Buffer.alloc(16);
  header.write('l', 0);
  header.set([4, 1, 1], 1);
  header.writeUInt32LE(body.length, 4);
  header.writeUInt32LE(0x7fff, 8);
  header.writeUInt32LE(fields.length, 12);
  return Buffer.concat([header, paddedTo8(fields), body]);
}

function field(code: number, type: string, value: string): Buffer {
  const bytes = Buffer.from(`${value}\0`);
  const length = type === 'g' ? Buffer.from([bytes.length - 1]) : Buffer.alloc(4);
  if (type !== 'g') length.writeUInt32LE(bytes.length - 1);
  return Buffer.concat([Buffer.from([code, 1]), Buffer.from(`${type}\0`), length, bytes]);
}

function paddedTo8(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8)]);
}
