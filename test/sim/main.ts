import { scenarioOf } from './options.ts';
import { report } from './report.ts';
import { simulate } from './simulation.ts';

/**
 * Rolls an image out to a simulated fleet and prints what that takes: `node test/sim/main.ts [--hosts=10000] [--seed=1]
 * [--window-spread=60] ...`. docs/rollout.md tells what it shows.
 */
process.stdout.write([...report(await simulate(scenarioOf(process.argv.slice(2)))), ''].join('\n'));
