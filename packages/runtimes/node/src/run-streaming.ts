import type { StreamingHandler } from './awslambda.ts';
import type { HandlerContext } from './handler-context.ts';
import type { ResponseStream } from './response-stream.ts';

/**
 * Calls a handler that streams. Resolves when its promise has settled and its stream has ended, whichever comes last; rejects
 * with what it has thrown, or with what is wrong with its stream.
 *
 * Source of the texts: AWS's runtime interface client.
 */
export async function runStreaming(
  handler: StreamingHandler,
  event: unknown,
  stream: ResponseStream,
  context: HandlerContext,
): Promise<void> {
  const returned = handler(event, stream, context);
  if (typeof (returned as { then?: unknown } | null | undefined)?.then !== 'function') {
    throw new Error('Streaming does not support non-async handlers.');
  }
  const result: unknown = await returned;
  if (result !== undefined) console.warn('Streaming handlers ignore return values.');
  if (!stream.closed) await new Promise((resolve) => stream.once('close', resolve));
  const failure = stream.failure();
  if (failure !== undefined) throw failure;
}
