import type { Bus } from './client.ts';
import { signatureOf, type InterfaceDefinition } from './definition.ts';
import { longestCall } from './guard.ts';
import type { IncomingCall, NameState } from './incoming.ts';
import { introspectionOf } from './introspection.ts';
import { Variant } from './values.ts';

/** Who calls. */
export interface Caller {
  /** The unique name, as the bus says. */
  readonly name: string;
  /** Whether the caller lets itself be asked for a password. */
  readonly mayInteract: boolean;
}

export interface ServedObject {
  readonly definition: InterfaceDefinition;
  /** @param body arguments of the types that the definition says. */
  call(member: string, body: readonly unknown[], caller: Caller): Promise<readonly unknown[]>;
  /** The values of all properties. */
  properties(): Readonly<Record<string, unknown>>;
}

export interface ServedTree {
  /** The path of the object that manages those below it (org.freedesktop.DBus.ObjectManager). */
  readonly manager: string;
  /** The paths of all objects. */
  paths(): Iterable<string>;
  at(path: string): ServedObject | undefined;
  /** The name and the text by which an error of a call is told. */
  told(error: unknown): { readonly name: string; readonly message: string };
  named(state: NameState): void;
}

const objectManagerInterface = 'org.freedesktop.DBus.ObjectManager';
const errors = 'org.freedesktop.DBus.Error';
const propertiesInterface = 'org.freedesktop.DBus.Properties';

/** Puts objects on the bus in a name, at every connection. */
export function serve(bus: Bus, name: string, tree: ServedTree): void {
  bus.serve({
    name,
    called: (call) => void answered(tree, call),
    named: (state) => {
      tree.named(state);
    },
  });
}

/** Tells everyone that properties have other values now. */
export function emitChanged(bus: Bus, path: string, of: InterfaceDefinition, values: Record<string, unknown>): void {
  const body = [of.name, variants(of, values), []];
  bus.emit({ path, interface: propertiesInterface, member: 'PropertiesChanged', signature: 'sa{sv}as', body });
}

/** Tells everyone of an object that is there now. */
export function emitAdded(bus: Bus, { manager }: ServedTree, path: string, object: ServedObject): void {
  const body = [path, interfacesOf(object)];
  bus.emit({ ...managed(manager), member: 'InterfacesAdded', signature: 'oa{sa{sv}}', body });
}

/** Tells everyone of an object that is gone. */
export function emitRemoved(bus: Bus, { manager }: ServedTree, path: string, of: InterfaceDefinition): void {
  bus.emit({ ...managed(manager), member: 'InterfacesRemoved', signature: 'oas', body: [path, [of.name]] });
}

function managed(manager: string) {
  return { path: manager, interface: objectManagerInterface };
}

/** Sends a signal of an interface. */
export function emitSignal(
  bus: Bus,
  path: string,
  of: InterfaceDefinition,
  member: string,
  body: readonly unknown[],
): void {
  bus.emit({ path, interface: of.name, member, signature: signatureOf(of.signals[member] ?? []), body });
}

/** An error of D-Bus itself: the call is none that there is. */
class Refusal extends Error {
  readonly errorName: string;

  constructor(error: string, message: string) {
    super(message);
    this.errorName = `${errors}.${error}`;
  }
}

interface Reply {
  readonly signature: string;
  readonly body: readonly unknown[];
}

async function answered(tree: ServedTree, call: IncomingCall): Promise<void> {
  try {
    const { signature, body } = await replyTo(tree, call);
    call.answer(signature, body);
  } catch (error) {
    if (error instanceof Refusal) call.refuse(error.errorName, error.message);
    else {
      const { name, message } = tree.told(error);
      call.refuse(name, message);
    }
  }
}

async function replyTo(tree: ServedTree, call: IncomingCall): Promise<Reply> {
  if (call.isTooLong) throw new Refusal('LimitsExceeded', `the arguments are too long: at most ${longestCall} bytes`);
  const standard = standardReply(tree, call);
  if (standard !== undefined) return standard;
  const object = tree.at(call.path);
  if (object === undefined) throw new Refusal('UnknownObject', 'there is no object of this path');
  const { definition } = object;
  if (call.interface !== undefined && call.interface !== definition.name) {
    throw new Refusal('UnknownInterface', `the object has no interface of this name, but ${definition.name}`);
  }
  const method = own(definition.methods, call.member);
  if (method === undefined) throw new Refusal('UnknownMethod', `${definition.name} has no method of this name`);
  requireTypes(call, signatureOf(method.takes));
  const caller = { name: call.sender, mayInteract: call.mayInteract };
  return {
    signature: signatureOf(method.gives),
    body: await object.call(call.member, call.body as readonly unknown[], caller),
  };
}

/** What every object answers. */
function standardReply(tree: ServedTree, call: IncomingCall): Reply | undefined {
  switch (`${call.interface ?? ''}.${call.member}`) {
    case 'org.freedesktop.DBus.Peer.Ping':
      return { signature: '', body: [] };
    case 'org.freedesktop.DBus.Introspectable.Introspect':
      return { signature: 's', body: [introspection(tree, call.path)] };
    case `${propertiesInterface}.Get`:
      return { signature: 'v', body: [propertyOf(tree, call)] };
    case `${propertiesInterface}.GetAll`:
      return { signature: 'a{sv}', body: [allProperties(tree, call)] };
    case `${propertiesInterface}.Set`:
      throw new Refusal('PropertyReadOnly', 'properties of this service can only be read');
    case `${objectManagerInterface}.GetManagedObjects`:
      return call.path === tree.manager ? { signature: 'a{oa{sa{sv}}}', body: [managedObjects(tree)] } : undefined;
    default:
      return undefined;
  }
}

type Interfaces = ReadonlyMap<string, ReadonlyMap<string, Variant>>;

function interfacesOf(object: ServedObject): Interfaces {
  return new Map([[object.definition.name, variants(object.definition, object.properties())]]);
}

/** Those below the manager, which is not one of them. */
function managedObjects(tree: ServedTree): ReadonlyMap<string, Interfaces> {
  const objects = Array.from(tree.paths()).flatMap((path) => {
    const object = path.startsWith(`${tree.manager}/`) ? tree.at(path) : undefined;
    return object === undefined ? [] : [[path, interfacesOf(object)] as const];
  });
  return new Map(objects);
}

function introspection(tree: ServedTree, path: string): string {
  const below = path === '/' ? '/' : `${path}/`;
  const inside = Array.from(tree.paths()).filter((other) => other.startsWith(below) && other !== path);
  const object = tree.at(path);
  if (object === undefined && inside.length === 0) throw new Refusal('UnknownObject', 'there is nothing at this path');
  const children = new Set(inside.map((other) => other.slice(below.length).split('/', 1).join('')));
  return introspectionOf(object?.definition, [...children], path === tree.manager);
}

function propertyOf(tree: ServedTree, call: IncomingCall): Variant {
  requireTypes(call, 'ss');
  const [of, name] = call.body as readonly [string, string];
  const object = objectWith(tree, call.path, of);
  const signature = own(object.definition.properties, name);
  if (signature === undefined) throw new Refusal('UnknownProperty', 'there is no property of this name');
  return new Variant(signature, object.properties()[name]);
}

function allProperties(tree: ServedTree, call: IncomingCall): ReadonlyMap<string, Variant> {
  requireTypes(call, 's');
  const [of] = call.body as readonly [string];
  const object = objectWith(tree, call.path, of);
  return variants(object.definition, object.properties());
}

function objectWith(tree: ServedTree, path: string, of: string): ServedObject {
  const object = tree.at(path);
  if (object === undefined) throw new Refusal('UnknownObject', 'there is no object of this path');
  if (of === '' || of === object.definition.name) return object;
  throw new Refusal('UnknownInterface', `the object has no interface of this name, but ${object.definition.name}`);
}

function variants(of: InterfaceDefinition, values: Readonly<Record<string, unknown>>): ReadonlyMap<string, Variant> {
  const named = Object.entries(values).map(([name, value]) => [name, of.properties[name], value] as const);
  return new Map(named.map(([name, signature = 's', value]) => [name, new Variant(signature, value)]));
}

function requireTypes(call: IncomingCall, expected: string): void {
  if (call.signature === expected) return;
  const found = call.signature.slice(0, 255);
  throw new Refusal('InvalidArgs', `${call.member} takes arguments of the types "${expected}", not "${found}"`);
}

/** The entry of that name; what every JavaScript object has besides is none. */
function own<T>(entries: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(entries, name) ? entries[name] : undefined;
}
