import { isWithin, narrowness, placePattern } from './place.ts';
import { checked, list, mapped, oneOf, string, type Decoder } from './yaml/decoder.ts';
import { absentOr, required, struct } from './yaml/struct.ts';
import { quote } from './yaml/text.ts';

/** How this host reaches the places of a pattern, where that is not as usual. */
export interface Connection {
  readonly place: string;
  /** Whether plain http may be spoken. */
  readonly http: boolean;
  /** A file with the certificates that servers are held against, instead of those of the system. */
  readonly ca?: string;
}

/** The one that counts for a place: the narrowest, of those the last. */
export function connectionFor(connections: readonly Connection[], place: string): Connection | undefined {
  return connections
    .filter((connection) => isWithin(place, connection.place))
    .reduce<Connection | undefined>(
      (best, connection) =>
        best === undefined || narrowness(connection.place) >= narrowness(best.place) ? connection : best,
      undefined,
    );
}

const absolutePath = checked(string, (path) =>
  path.startsWith('/') && !path.split('/').includes('..') && !/\p{C}/u.test(path)
    ? undefined
    : `${quote(path)} is no absolute path of a file`,
);

const fields = struct({
  place: required(placePattern),
  http: absentOr(oneOf(['allowed'])),
  ca: absentOr(absolutePath),
});

const connection: Decoder<Connection> = mapped(
  checked(fields, ({ http, ca }) =>
    http === undefined && ca === undefined ? 'it says nothing: write `http: allowed`, or `ca` and a file' : undefined,
  ),
  ({ place, http, ca }) => ({ place, http: http === 'allowed', ...(ca === undefined ? {} : { ca }) }),
);

/** How places are reached, in the form that docs/trust.md describes. */
export const connectionList: Decoder<readonly Connection[]> = list(connection);
