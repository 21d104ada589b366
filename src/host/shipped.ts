import { dirname, join } from 'node:path';

import { fileStatus } from './files.ts';

/** A program that ships with this one: beside the bundle, or in `dist` at the top of a checkout. Undefined where it is missing. */
export function shippedProgram(name: string): string | undefined {
  for (let directory = import.meta.dirname; directory !== '/'; directory = dirname(directory)) {
    const path = [join(directory, name), join(directory, 'dist', name)].find(
      (place) => fileStatus(place)?.isFile() === true,
    );
    if (path !== undefined) return path;
  }
  return undefined;
}
