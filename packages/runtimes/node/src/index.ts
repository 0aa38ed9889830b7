export { prepareIdentity } from './identity.ts';
export { runSandbox, type SandboxOptions } from './run-sandbox.ts';
export { warmUp } from './warm-up.ts';
