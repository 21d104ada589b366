import { runBundle } from './load.ts';

runBundle(__dirname);
