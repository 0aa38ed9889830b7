import type { InitMessage } from '@hearth/protocol';
import { replaceEnvironment } from './environment.ts';
import { loadHandler, type Handler } from './load-handler.ts';
import { installModulePaths } from './module-paths.ts';

const TASK_ROOT = '/var/task';

/**
 * Turns the process into the function's: its environment, its folder, its modules, its handler.
 *
 * @throws what stops the function from loading; its caller's to report.
 */
export async function becomeFunction(message: InitMessage): Promise<Handler> {
  replaceEnvironment(process.env, message.environment);
  installModulePaths(process.env);
  const root = process.env['LAMBDA_TASK_ROOT'] ?? TASK_ROOT;
  process.chdir(root);
  return loadHandler(root, message.handler);
}
