import { placeOrder } from './order.ts';
import type { BuildHost, BuildRequest } from './request.ts';
import { testsFor } from './spec/for-target.ts';
import { isMade } from './spec/unbuildable.ts';

/**
 * Whether building a spec runs programs in a sandbox: those of its steps, generators and patches, or of its tests.
 * @throws AgentError as placeOrder().
 */
export function runsPrograms(host: BuildHost, request: BuildRequest): boolean {
  const { spec, target, prebuilt } = placeOrder(host, request);
  return (prebuilt === undefined && isMade(spec, target.name)) || testsFor(spec, target.name).length > 0;
}
