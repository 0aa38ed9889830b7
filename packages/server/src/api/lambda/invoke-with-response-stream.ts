import type { IncomingMessage, ServerResponse } from 'node:http';
import type {
  InvokeWithResponseStreamCompleteEvent,
  InvokeWithResponseStreamResponseEvent,
} from '@aws-sdk/client-lambda';
import type { StartPath } from '@hearth/protocol';
import type { Admission, Identity } from '../../auth/identity.ts';
import type {
  Invocation,
  InvocationOutcome,
  ResponseHead,
  ResponseSink,
  ResponseSource,
} from '../../invoke/invocation.ts';
import { AnswerStream } from '../answer-stream.ts';
import { send, sendError } from '../answers.ts';
import type { BodyReader } from '../body.ts';
import { chosenVersion } from '../chosen-version.ts';
import type { FailureLog, Invoker } from '../ports.ts';
import { encodeEvent, EVENT_STREAM } from '../protocols/event-stream.ts';
import { LAMBDA } from './definition.ts';
import { refuseDeferral } from './deferral-request.ts';
import { choiceFor, describeInvocation, readEvent, wantsTail } from './invocation-request.ts';
import type { InvokeTargets } from './targets.ts';

type EventType = InvokeWithResponseStreamResponseEvent extends infer Event
  ? Exclude<keyof Event & string, '$unknown'>
  : never;

/**
 * The operation InvokeWithResponseStream: what the function streams comes as events PayloadChunk, and then one InvokeComplete. What a
 * function returns that doesn't stream is one PayloadChunk.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html
 */
export class InvokeWithResponseStreamOperation {
  readonly #targets: InvokeTargets;
  readonly #invoker: Invoker;
  readonly #bodies: BodyReader;
  readonly #log: FailureLog;
  readonly #random: () => number;

  /** @param random from 0 up to 1; chooses where an alias names two versions. */
  constructor(
    targets: InvokeTargets,
    invoker: Invoker,
    bodies: BodyReader,
    log: FailureLog,
    random: () => number = Math.random,
  ) {
    this.#targets = targets;
    this.#invoker = invoker;
    this.#bodies = bodies;
    this.#log = log;
    this.#random = random;
  }

  handle(request: IncomingMessage, response: ServerResponse, admission: Admission, requestId: string): void {
    const fail = (error: unknown) => sendError(response, requestId, error, this.#log, LAMBDA);
    const next = (event: Buffer) => {
      this.#invoke(request, response, admission.identity, requestId, event).catch(fail);
    };
    readEvent(this.#bodies, request, admission, 'InvokeWithResponseStream', next, fail);
  }

  async #invoke(
    request: IncomingMessage,
    response: ServerResponse,
    identity: Identity,
    requestId: string,
    payload: Buffer,
  ): Promise<void> {
    const { headers } = request;
    const type = headers['x-amz-invocation-type'];
    const tenant = headers['x-amz-tenant-id'];
    const logType = headers['x-amz-log-type'] as string | undefined;
    LAMBDA.validator.check('InvokeWithResponseStreamRequest', {
      // Checked with its URL; any name that is one will do here.
      FunctionName: 'f',
      ...(type === undefined ? {} : { InvocationType: type }),
      ...(logType === undefined ? {} : { LogType: logType }),
      ...(tenant === undefined ? {} : { TenantId: tenant }),
    });
    refuseDeferral(headers, 'InvokeWithResponseStream');
    // Only now, when the whole request is here: what is resolved is what runs.
    const target = this.#targets.get(identity, request.url!);
    const choice = choiceFor(chosenVersion(target, headers, this.#random), headers);
    const tail = wantsTail(logType, identity, choice.spec);
    if (type === 'DryRun') {
      const version = ['x-amz-executed-version', choice.spec.version];
      send(response, requestId, { status: 204, headers: version, contentType: '', body: undefined });
      return;
    }
    const invocation = describeInvocation(headers, choice, target.invokedArn, requestId, payload, tail);
    const events = new Events(response, invocation);
    const outcome = await this.#invoker.invoke({ ...invocation, sink: events });
    events.finish(outcome);
  }
}

/** The answer: events, made of what the function streams and of how it ended. */
class Events implements ResponseSink {
  readonly #response: ServerResponse;
  readonly #invocation: Invocation;
  readonly #stream: AnswerStream;
  #begun = false;
  #completed = false;

  constructor(response: ServerResponse, invocation: Invocation) {
    this.#response = response;
    this.#invocation = invocation;
    this.#stream = new AnswerStream(response);
  }

  begin({ startPath }: ResponseHead, source: ResponseSource): void {
    this.#stream.follow(source);
    this.#writeHead(startPath);
  }

  write(bytes: Buffer): boolean {
    return this.#event('PayloadChunk', 'application/octet-stream', bytes);
  }

  /** The client need not wait for what the function does afterwards, unless it wants to read the log of that too. */
  whole(): void {
    if (!this.#invocation.tail) this.#complete({});
  }

  finish({ payload, functionError, logTail, startPath }: InvocationOutcome): void {
    if (this.#completed) return;
    if (!this.#begun) {
      this.#writeHead(startPath);
      if (functionError === undefined) this.write(payload);
    }
    this.#complete({
      ErrorCode: functionError,
      ErrorDetails: functionError && payload.toString(),
      LogResult: logTail,
    });
  }

  #writeHead(startPath: StartPath): void {
    this.#begun = true;
    if (this.#stream.gone) return;
    const { requestId, spec, reason, traceId } = this.#invocation;
    const headers = [
      'content-type',
      EVENT_STREAM,
      'x-amzn-requestid',
      requestId,
      'x-amz-executed-version',
      spec.version,
      'x-hearth-start-path',
      startPath,
    ];
    if (reason !== 'current') headers.push('x-hearth-version-reason', reason);
    if (traceId !== undefined) headers.push('x-amzn-trace-id', traceId);
    this.#response.writeHead(200, headers);
  }

  #complete(event: InvokeWithResponseStreamCompleteEvent): void {
    this.#completed = true;
    this.#event('InvokeComplete', 'application/json', Buffer.from(JSON.stringify(event)));
    this.#stream.end();
  }

  #event(type: EventType, contentType: string, body: Buffer): boolean {
    return this.#stream.gone || this.#stream.write(encodeEvent(type, contentType, body));
  }
}
