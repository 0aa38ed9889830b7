export { prepareSandboxes } from './prepare.ts';
export { SEED_BYTES } from './random.ts';
export { runSandbox, type SandboxOptions } from './run-sandbox.ts';
export { warmUp } from './warm-up.ts';
