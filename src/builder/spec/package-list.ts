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
import type { PackageDependency, PackageList } from './spec.ts';
import { parseVersionConstraint } from './version-constraint.ts';

/** Says what is wrong with the name of a package; undefined where nothing is. */
type NameRule = (name: string) => string | undefined;

/** A name that is safe in the path of an index and on a command line; Debian's and rpm's names all are. */
const fetchable: NameRule = (name) =>
  /^[A-Za-z0-9][A-Za-z0-9.+_-]*$/.test(name) ? undefined : `${quote(name)} is not a name of a package`;

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

const constraints = located(
  struct({
    version: withDefault(list(parsed(string, parseVersionConstraint)), []),
    arch: withDefault(list(architecture), []),
  }),
);

/** `name: null` or `name: {version: [..], arch: [..]}` for each package. */
function fromMap(rule: NameRule): Decoder<PackageList> {
  return mapped(mapOf(constraints, keyOf(rule)), (packages) =>
    Array.from(packages, ([name, { value, position }]) => ({
      name,
      constraints: value.version,
      architectures: value.arch,
      position,
    })).sort(byName),
  );
}

/** Only names, which then may be of any version. An empty list says nothing. */
function fromList(rule: NameRule): Decoder<PackageList> {
  return mapped(list(located(checked(string, rule))), (names) =>
    names.length === 0
      ? undefined
      : names.map(({ value: name, position }) => ({ name, constraints: [], architectures: [], position })).sort(byName),
  );
}

/** In the order of bytes, whatever the locale is. */
function byName(a: PackageDependency, b: PackageDependency): number {
  return a.name < b.name ? -1 : Number(a.name > b.name);
}

/** A list in either form; null is as good as absent. */
function packagesNamedBy(rule: NameRule): Field<PackageList> {
  const [map, names] = [fromMap(rule), fromList(rule)];
  return optional((value, path) => (value.kind === 'list' ? names : map)(value, path));
}

/** Packages that are fetched. */
export const fetchedPackages = packagesNamedBy(fetchable);

/** Packages that this version only reads about. */
export const namedPackages = packagesNamedBy(any);
