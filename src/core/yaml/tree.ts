import { isAlias, isMap, isScalar, isSeq, type Alias, type Node, type Pair, type YAMLMap } from 'yaml';

import type { Position, Problem } from '../problems.ts';
import { plainText, plainValue } from './scalar.ts';
import { quote } from './text.ts';

/**
 * What a document says, with aliases followed and merge keys spread out, each value still knowing its place. An alias
 * has the place where it is used, what is inside of it the place where it is written.
 */
export type Value = ScalarValue | ListValue | MapValue | InvalidValue;

export interface ScalarValue {
  readonly kind: 'scalar';
  readonly position: Position;
  readonly text: string;
  /** Written without quotes, so that it may be a number, a boolean or null. */
  readonly plain: boolean;
}

export interface ListValue {
  readonly kind: 'list';
  readonly position: Position;
  readonly items: readonly Value[];
}

export interface MapValue {
  readonly kind: 'map';
  readonly position: Position;
  /** In the order of the document; a merge key stands as the entries it brings. */
  readonly entries: readonly Entry[];
}

/** A value whose problem is reported already. */
export interface InvalidValue {
  readonly kind: 'invalid';
  readonly position: Position;
}

export interface Entry {
  readonly key: Value;
  readonly value: Value;
  /** Whether a merge key (`<<`) brought it here. */
  readonly merged: boolean;
}

/** Deeper nesting than this is refused: it is never meant, and every reader of the tree may recurse. */
const maxDepth = 100;

/** How many values all aliases of a document may stand for, so that a small file cannot fill the memory. */
const maxAliasedValues = 100_000;

/** Tags that say what is so without them. */
const plainTags: ReadonlySet<string> = new Set([
  '!',
  ...['str', 'map', 'seq'].map((name) => `tag:yaml.org,2002:${name}`),
]);

interface Anchored {
  readonly value: Value;
  /** How many values it stands for, aliases followed. */
  readonly size: number;
}

interface Reading {
  readonly positionOf: (offset: number) => Position;
  readonly anchors: Map<string, Anchored | 'open'>;
  readonly problems: Problem[];
  values: number;
  aliasedValues: number;
}

/** Turns the syntax tree of a document into values, with the problems of its structure. */
export function readTree(
  root: Node | null,
  positionOf: (offset: number) => Position,
): { readonly root: Value; readonly problems: readonly Problem[] } {
  const reading: Reading = { positionOf, anchors: new Map(), problems: [], values: 0, aliasedValues: 0 };
  return { root: readNode(reading, root, positionOf(0), 0), problems: reading.problems };
}

/** @param otherwise the place of a value that is not written, such as after `name:`. */
function readNode(reading: Reading, node: Node | null, otherwise: Position, depth: number): Value {
  reading.values++;
  if (node === null) return empty(otherwise);
  const position = isUnwritten(node) ? otherwise : reading.positionOf(node.range?.[0] ?? 0);
  if (depth > maxDepth) return refuse(reading, position, `nested deeper than ${maxDepth} levels`);
  if (isAlias(node)) return readAlias(reading, node, position);
  const { anchor, tag } = node as { anchor?: string; tag?: string };
  if (tag !== undefined && !plainTags.has(tag)) {
    return refuse(reading, position, `the tag ${quote(tag)} is not supported: write the value without it`);
  }
  if (anchor === undefined) return readContent(reading, node, position, depth);
  reading.anchors.set(anchor, 'open');
  const before = reading.values;
  const value = readContent(reading, node, position, depth);
  reading.anchors.set(anchor, { value, size: reading.values - before + 1 });
  return value;
}

function isUnwritten(node: Node): boolean {
  return isScalar(node) && node.type === 'PLAIN' && node.source === '';
}

function empty(position: Position): ScalarValue {
  return { kind: 'scalar', position, text: '', plain: true };
}

function refuse(reading: Reading, position: Position, message: string): InvalidValue {
  reading.problems.push({ position, field: '', message });
  return { kind: 'invalid', position };
}

function readContent(reading: Reading, node: Node, position: Position, depth: number): Value {
  if (isSeq<Node | null>(node)) {
    return { kind: 'list', position, items: node.items.map((item) => readNode(reading, item, position, depth + 1)) };
  }
  if (isMap<Node | null, Node | null>(node)) {
    return { kind: 'map', position, entries: readEntries(reading, node, position, depth) };
  }
  if (!isScalar(node)) return refuse(reading, position, 'this kind of value is not supported');
  const plain = node.type === 'PLAIN' && node.tag === undefined;
  return { kind: 'scalar', position, text: String(node.value), plain };
}

function readAlias(reading: Reading, alias: Alias, position: Position): Value {
  const anchored = reading.anchors.get(alias.source);
  if (anchored === undefined) return refuse(reading, position, `no anchor &${alias.source} before this alias`);
  if (anchored === 'open') return refuse(reading, position, `the alias *${alias.source} stands inside its own anchor`);
  if (reading.aliasedValues > maxAliasedValues) return { kind: 'invalid', position };
  reading.values += anchored.size;
  reading.aliasedValues += anchored.size;
  if (reading.aliasedValues <= maxAliasedValues) return { ...anchored.value, position };
  return refuse(reading, position, `the aliases of this document stand for more than ${maxAliasedValues} values`);
}

function readEntries(
  reading: Reading,
  map: YAMLMap<Node | null, Node | null>,
  position: Position,
  depth: number,
): readonly Entry[] {
  const seen = new Set<string>();
  return map.items.flatMap((pair: Pair<Node | null, Node | null>) => {
    const key = readNode(reading, pair.key, position, depth + 1);
    const value = readNode(reading, pair.value, key.position, depth + 1);
    if (isMergeKey(key)) return mergedEntries(reading, value);
    const name = keyName(key);
    if (name !== undefined && seen.has(name)) refuse(reading, key.position, duplicateKey(name));
    if (name !== undefined) seen.add(name);
    return [{ key, value, merged: false }];
  });
}

/** The message for a key that a map has twice. */
export function duplicateKey(name: string): string {
  return `duplicate key ${quote(name)}`;
}

/** The text of a key: that of a scalar, with `null` for null; undefined for a list or a map. */
export function keyName(key: Value): string | undefined {
  if (key.kind !== 'scalar') return undefined;
  return key.plain ? (plainText(plainValue(key.text)) ?? 'null') : key.text;
}

function isMergeKey(key: Value): boolean {
  return key.kind === 'scalar' && key.plain && key.text === '<<';
}

/** What `<<` brings: the entries of a map, or of each map of a list, in order. */
function mergedEntries(reading: Reading, value: Value): readonly Entry[] {
  if (value.kind === 'map') return value.entries.map((entry) => ({ ...entry, merged: true }));
  if (value.kind === 'list') return value.items.flatMap((item) => mergedEntries(reading, item));
  if (value.kind === 'scalar' && !(value.plain && plainValue(value.text) === null)) {
    refuse(reading, value.position, 'only a map or a list of maps can be merged');
  }
  return [];
}

/** Whether a value says nothing: null, empty text, a list or a map without anything in it. */
export function isEmpty(value: Value): boolean {
  if (value.kind === 'list') return value.items.length === 0;
  if (value.kind === 'map') return value.entries.length === 0;
  return value.kind === 'scalar' && (value.text === '' || (value.plain && plainValue(value.text) === null));
}
