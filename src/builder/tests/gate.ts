import { join } from 'node:path';

import { AgentError, isAgentError } from '../../core/errors.ts';
import type { Problem } from '../../core/problems.ts';
import type { Tree } from '../../core/tree.ts';
import { inOrder } from '../../core/yaml/document.ts';
import { sha256 } from '../../host/digest.ts';
import { fileStatus, makeDirectory, makeTemporaryDirectory, writeAtomically } from '../../host/files.ts';
import { removeLeftovers, removeOld } from '../../host/leftovers.ts';
import type { PackageRequest } from '../packages/packages.ts';
import type { BuildHost } from '../request.ts';
import type { BuildRoots } from '../root/build-root.ts';
import type { Sandbox, SandboxLimits } from '../sandbox/sandbox.ts';
import { dependenciesFor } from '../spec/for-target.ts';
import type { NamedPackages, Spec } from '../spec/spec.ts';
import { parseConstraint } from '../spec/version-constraint.ts';
import { badExpression } from './checks.ts';
import { placesOf, type TestChoice, type TestPlace } from './choice.ts';
import { hostState, mergedTree } from './merged-tree.ts';
import { mountedSources, withMounts, type BringSources, type BroughtSources } from './mounts.ts';
import { withPackage, type TestedPackage } from './package-layer.ts';
import { planTests, type PlannedTest } from './plan.ts';
import { compileExpression } from './regular-expression.ts';
import { runTest, type TestBench, type TestedTree } from './run.ts';

