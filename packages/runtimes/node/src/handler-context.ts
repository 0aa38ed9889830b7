import type { InitMessage, InvokeMeta } from '@hearth/protocol';
import type { CallbackContext } from './callbacks.ts';

/**
 * The second argument of a handler. In nodejs22.x it has `done`, `succeed`, `fail` and `callbackWaitsForEmptyEventLoop`
 * besides, which went away with callback-based handlers.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html
 */
export interface HandlerContext extends Partial<CallbackContext> {
  clientContext: unknown;
  /** Amazon Cognito's; Hearth has none. */
  identity: undefined;
  invokedFunctionArn: string;
  awsRequestId: string;
  /** Where the function has tenants. */
  tenantId: string | undefined;
  xRayTraceId: string | undefined;
  /** Milliseconds until the invocation times out. */
  getRemainingTimeInMillis(): number;
  functionName: string;
  functionVersion: string;
  /** A number, as text. */
  memoryLimitInMB: string;
  logGroupName: string;
  logStreamName: string;
}

// Taken before function code runs, which may put a fake clock in its place.
const { now } = Date;

/** @throws SyntaxError if the client context is not JSON. */
export function handlerContext(init: InitMessage, meta: InvokeMeta): HandlerContext {
  const deadline = now() + meta.timeoutMs;
  return {
    clientContext: meta.clientContext === undefined ? undefined : JSON.parse(meta.clientContext),
    identity: undefined,
    invokedFunctionArn: meta.arn,
    awsRequestId: meta.requestId,
    tenantId: meta.tenantId,
    xRayTraceId: meta.traceId,
    getRemainingTimeInMillis: () => deadline - Date.now(),
    functionName: init.functionName,
    functionVersion: init.version,
    memoryLimitInMB: String(init.memoryMb),
    logGroupName: init.logGroup,
    logStreamName: init.logStream,
  };
}
