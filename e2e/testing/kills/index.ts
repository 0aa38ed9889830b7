/** What benchmarks use of this folder. */
export { Random } from './random.ts';
export { killUnderLoad, type Kill, type KillReport } from './run.ts';
export { chooseVictims, kill, type Victim } from './victims.ts';
