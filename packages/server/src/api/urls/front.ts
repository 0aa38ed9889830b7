import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FunctionSpec } from '@hearth/protocol';
import type { BrowserGuard } from '../../auth/browser-guard.ts';
import type { Authenticator } from '../../auth/identity.ts';
import { relayAccount } from '../../auth/relay.ts';
import type { Functions } from '../../functions/functions.ts';
import type { Invocation } from '../../invoke/invocation.ts';
import { activeTrace } from '../../invoke/trace.ts';
import type { BodyReader } from '../body.ts';
import { MAX_PAYLOAD } from '../lambda/payload.ts';
import { chosenVersion } from '../chosen-version.ts';
import type { FailureLog, Invoker } from '../ports.ts';
import { Forbidden, UrlAccess } from './access.ts';
import type { UrlAdmission } from './access.ts';
import { isUrlHost, URL_PATH } from './address.ts';
import { FAILED, UrlAnswer } from './answer.ts';
import { CorsPolicy } from './cors.ts';
import { tooLarge } from './event-body.ts';
import { makeEvent } from './event.ts';
import { readOutcome } from './response.ts';
import { StreamedAnswer } from './streamed-answer.ts';
import { UrlTargets } from './targets.ts';
import type { UrlTarget } from './targets.ts';

/** What the room gives its front. */
export interface UrlFrontOptions {
  readonly functions: Functions;
  readonly invoker: Invoker;
  readonly authenticator: Authenticator;
  readonly guard: BrowserGuard;
  readonly bodies: BodyReader;
  readonly log: FailureLog;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** See {@link chosenVersion}; `Math.random` where there is none. */
  readonly random?: () => number;
}

/**
 * Function URLs: HTTP requests of any kind, from programs and web pages, each of which invokes a function.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
 */
export class UrlFront {
  readonly #options: UrlFrontOptions;
  readonly #targets: UrlTargets;
  readonly #access: UrlAccess;

  constructor(options: UrlFrontOptions) {
    this.#options = options;
    this.#targets = new UrlTargets(options.functions);
    this.#access = new UrlAccess(options.authenticator, options.functions.policies);
  }

  /** Whether a request is for a function URL, there or not, and for nothing else of this server. */
  static owns({ url, headers }: IncomingMessage): boolean {
    return isUrlHost(headers.host) || url!.startsWith(URL_PATH);
  }

  /** Answers a request that a URL owns. Never throws. */
  handle(request: IncomingMessage, response: ServerResponse, requestId: string): void {
    const answer = new UrlAnswer(request, response, requestId);
    try {
      if (relayAccount(request.socket) === undefined) this.#options.guard.checkUrl(request.headers.host);
      const target = this.#find(request);
      if (target === undefined) throw new Forbidden();
      answer.target = target;
      if (target.cors !== undefined && CorsPolicy.isPreflight(request)) answer.preflight(target.cors);
      else this.#read(answer, target, this.#access.admit(request, target));
    } catch (error) {
      answer.fail(error, this.#options.log);
    }
  }

  #find({ url, headers }: IncomingMessage): UrlTarget | undefined {
    const { host = '' } = headers;
    return isUrlHost(host) ? this.#targets.byHost(host) : this.#targets.byPath(host, url!);
  }

  #read(answer: UrlAnswer, target: UrlTarget, admitted: UrlAdmission | undefined): void {
    const { bodies, log } = this.#options;
    const { request } = answer;
    const fail = (error: unknown) => answer.fail(error, log);
    const done = (body: Buffer) => {
      try {
        this.#invoke(answer, target, admitted, body, fail);
      } catch (error) {
        fail(error);
      }
    };
    const refuse = (error: unknown) => fail(error ?? tooLarge());
    if (admitted === undefined) bodies.read(request, MAX_PAYLOAD, done, refuse);
    else bodies.readSigned(request, admitted.admission, MAX_PAYLOAD, done, refuse);
  }

  /** @param before what the request was admitted to. @throws Forbidden */
  #invoke(
    answer: UrlAnswer,
    before: UrlTarget,
    admitted: UrlAdmission | undefined,
    body: Buffer,
    fail: (error: unknown) => void,
  ): void {
    const { request, requestId } = answer;
    // Only now, when the whole request is here: what is resolved is what runs. A path that was signed with dot segments has
    // become another.
    const target = this.#find(request);
    if (target === undefined || !isSame(target, before)) throw new Forbidden();
    answer.target = target;
    const now = this.#options.now();
    // Who has not signed does not choose the version: visitors must not find a way around a canary.
    const choosing = admitted === undefined ? {} : request.headers;
    const { spec, reason, report } = chosenVersion(target, choosing, this.#options.random ?? Math.random);
    const traceId = traceOf(request, requestId, spec, now);
    answer.traceId = traceId;
    const { invokedArn } = target;
    makeEvent(request, body, { target, requestId, traceId, caller: admitted?.caller, now }, (error, payload) => {
      if (error !== undefined) fail(error);
      else {
        const invocation = { requestId, spec, reason, report, invokedArn, payload, traceId, tail: false };
        this.#run(answer, target, invocation).catch(fail);
      }
    });
  }

  /** A client that goes away stops nothing: what comes then is dropped. */
  async #run(answer: UrlAnswer, { url }: UrlTarget, invocation: Invocation): Promise<void> {
    const { invoker } = this.#options;
    if (url.invokeMode === 'RESPONSE_STREAM') {
      const sink = new StreamedAnswer(answer);
      sink.finish(await invoker.invoke({ ...invocation, sink }));
      return;
    }
    const outcome = await invoker.invoke(invocation);
    if (!answer.gone) answer.send(readOutcome(outcome) ?? FAILED);
  }
}

/** Whether what a request was admitted to is still what it is for. */
function isSame({ url }: UrlTarget, before: UrlTarget): boolean {
  return url.id === before.url.id && url.authType === before.url.authType;
}

/** The client's trace or a new one, and where the function is traced its own part of it. */
function traceOf({ headers }: IncomingMessage, requestId: string, spec: FunctionSpec, now: number): string {
  const sent = headers['x-amzn-trace-id'] as string | undefined;
  if (spec.tracing !== undefined) return activeTrace(sent, now);
  return sent ?? `Root=1-${Math.floor(now / 1000).toString(16)}-${randomPart(requestId)}`;
}

/** 24 hex digits of a UUID, none of them its version or variant. */
function randomPart(uuid: string): string {
  return uuid.slice(0, 8) + uuid.slice(9, 13) + uuid.slice(24);
}
