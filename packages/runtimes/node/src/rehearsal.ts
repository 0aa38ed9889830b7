import { encodeInvoke, HEADER_BYTES, Kind } from '@hearth/protocol';
import { replaceEnvironment } from './environment.ts';
import { loadHandler } from './load-handler.ts';
import { LogOutput } from './log-output.ts';
import { OWN_RUNTIME } from './own-runtime.ts';
import { Session } from './session.ts';

const ROOT = '/var/runtime';
const HANDLER = 'rehearsal.handler';

/** Variables that every function gets and that no other function has the same values of. */
const OWN_VARIABLES = [
  '_HANDLER',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_DEFAULT_REGION',
  'AWS_REGION',
  'AWS_LAMBDA_FUNCTION_MEMORY_SIZE',
  'AWS_LAMBDA_FUNCTION_NAME',
  'AWS_LAMBDA_FUNCTION_VERSION',
  'AWS_LAMBDA_LOG_GROUP_NAME',
  'AWS_LAMBDA_LOG_STREAM_NAME',
];

/**
 * Loads and runs a function of our own in a spare that waits for one: the pages that a function's first moments write to are
 * then the spare's own already, and its first real function doesn't wait for the kernel to copy them. Pages that a
 * fork shares until it writes cost 2 to 4 us each; loading touches about 700.
 */
export async function rehearseLoading(): Promise<void> {
  // At once, before the function's own can come.
  const own = Object.fromEntries(OWN_VARIABLES.map((name) => [name, '-']));
  replaceEnvironment(process.env, { ...(process.env as Record<string, string>), ...own });
  let heard = Promise.withResolvers<void>();
  const connection = {
    sendText(kind: Kind): boolean {
      if (kind === Kind.error) heard.reject(new Error('the rehearsal failed'));
      else heard.resolve();
      return true;
    },
    sendBytes() {},
    hold() {},
    release() {},
  };
  const session = new Session({
    connection,
    output: new LogOutput(connection),
    environment: {},
    logError() {},
    flush() {},
    init: () => loadHandler(ROOT, HANDLER),
    exit() {},
    shutdown() {},
  });
  const init = {
    runtime: OWN_RUNTIME,
    handler: HANDLER,
    environment: {},
    functionName: '-',
    version: '-',
    memoryMb: 128,
    logGroup: '-',
    logStream: '-',
  };
  session.frame(Kind.init, 0, Buffer.from(JSON.stringify(init)));
  await heard.promise;
  heard = Promise.withResolvers();
  const body = Buffer.from('{"rehearsal":true}');
  const { frame } = encodeInvoke(1, { requestId: '-', timeoutMs: 3000, arn: '-', length: body.length }, body);
  session.frame(Kind.invoke, 1, frame.subarray(HEADER_BYTES));
  await heard.promise;
}
