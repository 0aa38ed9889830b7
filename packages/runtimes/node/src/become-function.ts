import type { InitMessage } from '@hearth/protocol';
import { streamingOf, withholdAwslambda } from './awslambda.ts';
import { isCallbackHandler } from './callbacks.ts';
import { loadHandler, type Handler } from './load-handler.ts';
import { installModulePaths } from './module-paths.ts';
import { CallbackHandlerDeprecatedError } from './runtime-errors.ts';

const TASK_ROOT = '/var/task';

/**
 * Turns the process, which has the function's environment, into the function's: its folder, its modules, its handler.
 *
 * @throws what stops the function from loading; its caller's to report.
 */
export async function becomeFunction(message: InitMessage): Promise<Handler> {
  installModulePaths(process.env);
  const root = process.env['LAMBDA_TASK_ROOT'] ?? TASK_ROOT;
  process.chdir(root);
  withholdAwslambda(process.env);
  const handler = await loadHandler(root, message.handler);
  // Three parameters are what one that streams has.
  if (streamingOf(handler) !== undefined) return handler;
  if (message.runtime === 'nodejs22.x') warnOfCallbacks(handler);
  else if (handler.length >= 3) throw new CallbackHandlerDeprecatedError();
  return handler;
}

/** As AWS's runtime does since it announced that they go away. */
function warnOfCallbacks(handler: Handler): void {
  if (!isCallbackHandler(handler) || process.env['AWS_LAMBDA_NODEJS_DISABLE_CALLBACK_WARNING'] !== undefined) return;
  console.warn(
    'AWS Lambda plans to remove support for callback-based function handlers starting with Node.js 24. You will need ' +
      'to update this function to use an async handler to use Node.js 24 or later. For more information and to ' +
      'provide feedback on this change, see https://github.com/aws/aws-lambda-nodejs-runtime-interface-client/issues/137. ' +
      'To disable this warning, set the AWS_LAMBDA_NODEJS_DISABLE_CALLBACK_WARNING environment variable.',
  );
}
