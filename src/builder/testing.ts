import type { Tree } from '../core/tree.ts';
import { layoutOf } from './artifacts/layout.ts';
import { packageFiles } from './artifacts/prebuilt.ts';
import { buildDirectory } from './making/making-step.ts';
import { rootsFor, sandboxFor, sourcesFor } from './making-parts.ts';
import type { Order } from './order.ts';
import type { OwnPart } from './own-part.ts';
import type { BuildHost, BuildRequest } from './request.ts';
import { artifactsFor, testsFor } from './spec/for-target.ts';
import { testingFor, type TestPlace } from './tests/choice.ts';
import type { OwnSubject, TestSubject } from './tests/gate.ts';
import type { BringSources } from './tests/mounts.ts';

/** What was built. */
interface Built {
  readonly order: Order;
  readonly own: OwnPart | undefined;
  readonly sha256: string;
  /** The tree of the image. */
  readonly tree: () => Promise<Tree>;
}

/**
 * Runs the tests of a spec as the request asks for it.
 * @param open gets what is to be disposed of when nothing of the build runs any more.
 * @returns where they passed.
 * @throws AgentError as testExtension(), and `usage` on a build argument that says neither yes nor no.
 */
export async function testBuilt(
  host: BuildHost,
  request: BuildRequest,
  built: Built,
  open: AsyncDisposableStack,
): Promise<readonly TestPlace[]> {
  const { order } = built;
  const testing = testingFor(request.test, request.buildArguments['DALEC_SKIP_TESTS']);
  if (testsFor(order.spec, order.target.name).length === 0) return [];
  // Most specs have no tests, and the expressions of those that have some take long to load.
  const { testExtension } = await import('./tests/gate.ts');
  const sandbox = sandboxFor(host);
  const means = {
    host,
    sandbox,
    roots: () => rootsFor(host, request, order, sandbox, 'test'),
    bring: bringWith((sources) => sourcesFor(host, request, { order, sandbox }, open)({ ...order.spec, ...sources })),
    limits: await host.making.limits(),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  };
  return testExtension(subjectOf(built), means, testing);
}

function subjectOf({ order, own, sha256, tree }: Built): TestSubject {
  const { spec, text, target, prebuilt } = order;
  const layout = layoutOf(target);
  const isInstalled = prebuilt !== undefined;
  return {
    spec,
    text,
    target: target.name,
    family: layout.family,
    own: own === undefined || isInstalled ? undefined : ownSubject(order, own, layout),
    packageFiles: isInstalled ? packageFiles(prebuilt, target) : [],
    image: { sha256, tree },
  };
}

function ownSubject({ spec, target }: Order, own: OwnPart, layout: ReturnType<typeof layoutOf>): OwnSubject {
  return {
    digest: own.digest,
    entries: async () => (await own.files()).entries,
    places: { layout, pkg: spec.name, placing: spec.placing },
    artifacts: artifactsFor(spec, target.name),
  };
}

/** Brings the sources that tests want as those of a spec that has no others. */
function bringWith(prepare: (sources: Prepared) => ReturnType<ReturnType<typeof sourcesFor>>): BringSources {
  return async (sources) => {
    if (sources.size === 0) return { digest: '', directory: (fresh) => Promise.resolve(fresh) };
    const { layer, digest } = await prepare({ sources, patches: new Map() });
    return { digest, directory: () => Promise.resolve(`${layer}${buildDirectory}`) };
  };
}

type Prepared = Pick<Order['spec'], 'sources' | 'patches'>;
