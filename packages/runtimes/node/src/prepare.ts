import { constantEnvironment, defaultEnvironment } from '@hearth/protocol';
import { installAwslambda } from './awslambda.ts';
import { replaceEnvironment } from './environment.ts';
import { prepareIdentity } from './identity.ts';
import { installModulePaths } from './module-paths.ts';
import { installSignals } from './signals.ts';

/**
 * Does once, in the zygote, what is the same in all of its forks: they find most variables set, modules found as on AWS, and
 * what tells of a process behind functions that look it up.
 *
 * @param runtime AWS's name for it.
 */
export function prepareSandboxes(runtime: string): void {
  replaceEnvironment(process.env, { ...defaultEnvironment(runtime), ...constantEnvironment(runtime) });
  installModulePaths(process.env);
  prepareIdentity();
  installSignals();
  installAwslambda();
}
