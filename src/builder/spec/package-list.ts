import { architecture } from '../../core/yaml/architecture.ts';
import {
  accept,
  checked,
  list,
  located,
  mapOf,
  mapped,
  parsed,
  reject,
  scalarOf,
  string,
  type Decoder,
} from '../../core/yaml/decoder.ts';
import { optional, struct, withDefault, type Field } from '../../core/yaml/struct.ts';
import { quote } from '../../core/yaml/text.ts';
import { constraintRule, textToExpand } from './expansion.ts';
import type { Text } from './sources.ts';
import type { NamedPackages, PackageDependency, PackageList } from './spec.ts';
import { parseVersionConstraint } from './version-constraint.ts';

/** Says what is wrong with the name of a package; undefined where nothing is. */
type NameRule = (name: string) => string | undefined;

/**
 * The name of a package, or what else rpm knows one by: `perl(Carp)`, `/usr/bin/x`. It is only ever looked up in lists, but
 * what looks like an option, a version or a way upwards is a mistake.
 */
const fetchable: NameRule = (name) =>
  /^(?![-.])[^\s\p{C}<>]{1,512}$/u.test(name) && !name.split('/').includes('..')
    ? undefined
    : `${quote(name)} is not a name of a package`;

/** Packages that are only talked about may be anything a package manager takes, such as `perl(Carp)`. */
const any: NameRule = (name) => (name === '' ? 'the name of the package is empty' : undefined);

/** A key that is a number or a boolean has lost its spelling, so it cannot name a package. */
function keyOf(rule: NameRule): Decoder<string> {
  return (value, path) => {
    const name = scalarOf(value);
    if (typeof name !== 'string') return reject(value.position, path, 'expected string key for package dependency');
    const problem = rule(name);
    return problem === undefined ? accept(name) : reject(value.position, path, problem);
  };
}

const constrained = { arch: withDefault(list(architecture), []) };

/** How the versions of a list are read. */
interface VersionForm<V> {
  readonly versions: Decoder<V>;
  readonly none: V;
}

/** What every entry of a list has, with its versions. */
type Entry<V> = { readonly versions: V } & Omit<PackageDependency, 'constraints'>;

/** `name: null` or `name: {version: [..], arch: [..]}` for each package. */
function fromMap<V>(rule: NameRule, { versions, none }: VersionForm<V>): Decoder<readonly Entry<V>[]> {
  const constraints = located(struct({ ...constrained, version: withDefault(versions, none) }));
  return mapped(mapOf(constraints, keyOf(rule)), (packages) =>
    Array.from(packages, ([name, { value, position }]) => ({
      name,
      versions: value.version,
      architectures: value.arch,
      position,
    })).sort(byName),
  );
}

/** Only names, which then may be of any version. An empty list says nothing. */
function fromList<V>(rule: NameRule, { none }: VersionForm<V>): Decoder<readonly Entry<V>[] | undefined> {
  return mapped(list(located(checked(string, rule))), (names) =>
    names.length === 0
      ? undefined
      : names.map(({ value: name, position }) => ({ name, versions: none, architectures: [], position })).sort(byName),
  );
}

/** In the order of bytes, whatever the locale is. */
function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : Number(a.name > b.name);
}

/** A list in either form; null is as good as absent. */
function packagesNamedBy<V>(rule: NameRule, form: VersionForm<V>): Decoder<readonly Entry<V>[] | undefined> {
  const [map, names] = [fromMap(rule, form), fromList(rule, form)];
  return (value, path) => (value.kind === 'list' ? names : map)(value, path);
}

const parsedVersions = { versions: list(parsed(string, parseVersionConstraint)), none: [] };

/** Packages that are fetched. Build arguments in their versions are not expanded, as in Dalec. */
export const fetchedPackages: Field<PackageList> = optional(
  mapped(packagesNamedBy(fetchable, parsedVersions), (packages) =>
    packages?.map(({ versions: constraints, ...dependency }) => ({ ...dependency, constraints })),
  ),
);

function namedBy(versions: Decoder<readonly Text[]>): Field<NamedPackages> {
  return optional(packagesNamedBy(any, { versions, none: [] }));
}

/** Packages that are only read about; build arguments in their versions are expanded. */
export const namedPackages = namedBy(list(textToExpand(constraintRule)));

/** The same without expansion. */
export const literalPackages = namedBy(list(located(checked(string, constraintRule))));
