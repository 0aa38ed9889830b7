import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Admission, Identity } from '../../auth/identity.ts';
import type { DeferralTerms } from '../../invoke/deferral/terms.ts';
import type { Invocation, InvocationOutcome } from '../../invoke/invocation.ts';
import type { BodyReader } from '../body.ts';
import { chosenVersion } from '../chosen-version.ts';
import { giveUpUnread, send, sendError } from '../answers.ts';
import type { FailureLog, Invoker } from '../ports.ts';
import { readDeferral, speaksOfDeferral } from './deferral-request.ts';
import { choiceFor, describeInvocation, readEvent, unavailable, wantsTail } from './invocation-request.ts';
import type { InvokeTargets } from './targets.ts';
import { LAMBDA } from './definition.ts';

/** Bytes of a response that are copied to travel with its head. */
const JOINED = 16 * 1024;

/**
 * The operation Invoke. It is by far the most frequent one, so it stands apart from the rest: its URL is matched by
 * hand, its few headers are read by hand, and its payload is passed on byte for byte.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
 */
export class InvokeOperation {
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
    const { identity } = admission;
    const next = (event: Buffer) => this.#invoke(request, response, identity, requestId, event, fail);
    readEvent(this.#bodies, request, admission, 'InvokeFunction', next, fail);
  }

  #invoke(
    request: IncomingMessage,
    response: ServerResponse,
    identity: Identity,
    requestId: string,
    payload: Buffer,
    fail: (error: unknown) => void,
  ): void {
    try {
      const { headers } = request;
      const type = headers['x-amz-invocation-type'] as string | undefined;
      const logType = headers['x-amz-log-type'] as string | undefined;
      const tenant = headers['x-amz-tenant-id'] as string | undefined;
      if (logType !== undefined || tenant !== undefined || (type !== undefined && type !== 'RequestResponse')) {
        check(type, logType, tenant);
      }
      if (headers['x-amz-durable-execution-name'] !== undefined) throw unavailable('Invoke of a durable execution');
      // Only now, when the whole request is here: what is resolved is what runs.
      const target = this.#targets.get(identity, request.url!);
      const choice = choiceFor(chosenVersion(target, headers, this.#random), headers);
      const tail = wantsTail(logType, identity, choice.spec);
      if (type === 'DryRun') {
        send(response, requestId, {
          status: 204,
          headers: ['x-amz-executed-version', choice.spec.version],
          contentType: '',
          body: undefined,
        });
        return;
      }
      if (type === 'Event') throw unavailable('Invoke with InvocationType Event', 'Use RequestResponse.');
      const invocation = describeInvocation(headers, choice, target.invokedArn, requestId, payload, tail);
      if (target.deferrable !== undefined || speaksOfDeferral(headers)) {
        const terms = readDeferral(headers, target.deferrable, Date.now());
        if (terms !== undefined) return this.#defer(request, response, identity, invocation, terms, fail);
      }
      this.#invoker
        .invoke(invocation)
        .then((outcome) => answer(response, invocation, outcome), fail)
        .catch(fail);
    } catch (error) {
      fail(error);
    }
  }

  /** Its connection stays open while it waits; a client that goes away before it has begun has it cancelled. */
  #defer(
    request: IncomingMessage,
    response: ServerResponse,
    identity: Identity,
    invocation: Invocation,
    terms: DeferralTerms,
    fail: (error: unknown) => void,
  ): void {
    const { requestId, payload, tail } = invocation;
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const resolveAgain = (): Invocation => {
      const target = this.#targets.get(identity, request.url!);
      const choice = choiceFor(chosenVersion(target, request.headers, this.#random), request.headers);
      return describeInvocation(request.headers, choice, target.invokedArn, requestId, payload, tail);
    };
    this.#invoker
      .invokeWhenCheap({ invocation, terms, resolveAgain, gone: gone.signal })
      .then(({ invocation: ran, outcome }) => answer(response, ran, outcome), fail)
      .catch(fail);
  }
}

function check(type: string | undefined, logType: string | undefined, tenant: string | undefined): void {
  LAMBDA.validator.check('InvocationRequest', {
    // Checked with its URL; any name that is one will do here.
    FunctionName: 'f',
    ...(type === undefined ? {} : { InvocationType: type }),
    ...(logType === undefined ? {} : { LogType: logType }),
    ...(tenant === undefined ? {} : { TenantId: tenant }),
  });
}

function answer(response: ServerResponse, invocation: Invocation, outcome: InvocationOutcome): void {
  const { payload } = outcome;
  const headers = [
    'content-type',
    'application/json',
    'content-length',
    String(payload.length),
    'x-amzn-requestid',
    invocation.requestId,
    'x-amz-executed-version',
    invocation.spec.version,
    'x-hearth-start-path',
    outcome.startPath,
  ];
  if (invocation.deferral !== undefined) headers.push('x-hearth-waited-ms', invocation.deferral.waited.toFixed(0));
  if (invocation.reason !== 'current') headers.push('x-hearth-version-reason', invocation.reason);
  if (outcome.functionError !== undefined) headers.push('x-amz-function-error', outcome.functionError);
  if (outcome.logTail !== undefined) headers.push('x-amz-log-result', outcome.logTail);
  if (invocation.traceId !== undefined) headers.push('x-amzn-trace-id', invocation.traceId);
  response.writeHead(200, headers);
  // As text, head and body leave in one write; a Buffer of its own needs a gathered one (8 % of the whole).
  if (payload.length <= JOINED) response.end(payload.toString('latin1'), 'latin1');
  else {
    giveUpUnread(response);
    response.end(payload);
  }
}
