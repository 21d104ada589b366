import { join } from 'node:path';

import { beginLog, type BuildLog } from './making/build-log.ts';
import type { MakingParts } from './making/making.ts';
import type { Order } from './order.ts';
import type { BuildHost, BuildRequest } from './request.ts';
import { createSandbox } from './sandbox/bubblewrap.ts';
import { prepareSources } from './source/prepare.ts';
import { sandboxedGit } from './source/git-room.ts';
import { timeOf } from './artifacts/own-package.ts';

/** What is disposed of when nothing of a build runs any more. */
export interface BuildPlaces extends AsyncDisposable {
  /** A directory of this build alone. */
  readonly work: string;
}
