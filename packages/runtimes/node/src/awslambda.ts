import { HTTP_INTEGRATION_RESPONSE, PRELUDE_END } from '@hearth/protocol';
import type { HandlerContext } from './handler-context.ts';
import type { ResponseStream } from './response-stream.ts';
import { MalformedStreamingHandlerError } from './runtime-errors.ts';

/** By these AWS's runtime knows a handler that streams; libraries that make handlers set them too. */
const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark');

export type StreamingHandler = (event: unknown, responseStream: ResponseStream, context: HandlerContext) => unknown;

type MarkedHandler = Function & { [STREAMING]?: unknown; [HIGH_WATER_MARK]?: unknown };

const HttpResponseStream = {
  /**
   * Says with which status, headers and cookies an HTTP response begins: JSON and eight NUL bytes before the body.
   *
   * @param metadata `{ statusCode, headers, cookies }`.
   * @returns the stream that it was given.
   */
  from<Stream extends Pick<ResponseStream, 'setContentType' | '_onBeforeFirstWrite'>>(
    stream: Stream,
    metadata: unknown,
  ): Stream {
    stream.setContentType(HTTP_INTEGRATION_RESPONSE);
    const prelude = JSON.stringify(metadata);
    stream._onBeforeFirstWrite = (write) => {
      write(prelude);
      write(new Uint8Array(PRELUDE_END));
    };
    return stream;
  },
};

/** @returns the handler itself, marked as one that is called with (event, responseStream, context). */
function streamifyResponse(handler: MarkedHandler, options?: { highWaterMark?: number }): Function {
  handler[STREAMING] = 'response';
  if (typeof options?.highWaterMark === 'number') handler[HIGH_WATER_MARK] = Math.trunc(options.highWaterMark);
  return handler;
}

/**
 * The global `awslambda`.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/config-rs-write-functions.html and AWS's runtime interface client.
 */
export function installAwslambda(): void {
  Object.assign(globalThis, { awslambda: { streamifyResponse, HttpResponseStream } });
}

/** Takes it away from a function that doesn't want it, as AWS's runtime does. */
export function withholdAwslambda(environment: NodeJS.ProcessEnv): void {
  const wish = environment['AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA'];
  if (wish === '1' || wish === 'true') Reflect.deleteProperty(globalThis, 'awslambda');
}

/** What a handler that streams wants of its stream; undefined where it doesn't stream. @throws MalformedStreamingHandlerError */
export function streamingOf(handler: MarkedHandler): { highWaterMark?: number } | undefined {
  const marked = handler[STREAMING];
  if (!marked) return undefined;
  if (marked !== 'response') throw new MalformedStreamingHandlerError('Only response streaming is supported.');
  const highWaterMark = Number(handler[HIGH_WATER_MARK]);
  return highWaterMark > 0 ? { highWaterMark } : {};
}
