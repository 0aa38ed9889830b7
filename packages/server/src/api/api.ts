import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ApiError } from '@hearth/protocol';
import { credentialOf, parseCredential } from '../auth/credential-scope.ts';
import type { Admission } from '../auth/identity.ts';
import { relayAccount } from '../auth/relay.ts';
import { send, sendError } from './answers.ts';
import { BodyReader } from './body.ts';
import { Dispatcher } from './dispatch.ts';
import { checkHead } from './http/head.ts';
import { CodeLinks } from './lambda/code-link.ts';
import { LAMBDA } from './lambda/definition.ts';
import { InvokeOperation } from './lambda/invoke.ts';
import { InvokeWithResponseStreamOperation } from './lambda/invoke-with-response-stream.ts';
import { InvokeTargets } from './lambda/targets.ts';
import { OPERATOR_PATH, OperatorEndpoints } from './operator/operator.ts';
import type { ApiPorts } from './ports.ts';
import type { OpenRequest, RequestHead } from './protocols/protocol.ts';
import { RequestBody } from './request-body.ts';
import type { Service } from './service.ts';
import { createServices } from './services.ts';
import { UrlFront } from './urls/front.ts';

/** Bytes of a form that is read before it is known which service it is for. */
const MAX_FORM = 256 * 1024;

export interface Api {
  /** Answers any request; for `request` of a node:http server. Never throws. */
  handle(request: IncomingMessage, response: ServerResponse): void;
}

/** The APIs of all services on one port, and the operator's endpoints. */
export function createApi(ports: ApiPorts): Api {
  const { authenticator, functions, guard, log } = ports;
  const links = new CodeLinks(ports.now);
  const dispatcher = new Dispatcher(createServices(ports, links));
  const bodies = new BodyReader(ports.maxBodyBytes);
  const targets = new InvokeTargets(functions);
  const invoke = new InvokeOperation(targets, ports.invoker, bodies, log, ports.random);
  const invokeStreaming = new InvokeWithResponseStreamOperation(targets, ports.invoker, bodies, log, ports.random);
  const urls = new UrlFront({ ...ports, bodies });
  const operator = new OperatorEndpoints(ports.operator, functions, links, authenticator, ports.now);

  /** The rest of a request whose head has been understood. */
  async function perform(service: Service, open: OpenRequest, call: Call, bytes: Buffer): Promise<void> {
    const { request, response, requestId } = call;
    const { identity } = call.admission;
    const opened = open.read(await RequestBody.of(bytes));
    const { operation } = opened;
    if (!service.has(operation.name)) {
      throw new ApiError(
        'NotImplementedException',
        `Operation ${operation.name} is not supported by Hearth yet. The README lists what is.`,
      );
    }
    const input = opened.input();
    service.validator.check(operation.input.name, input);
    const host = request.headers.host ?? 'localhost';
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const caller = { identity, host, signal: gone.signal };
    const output = (await service.perform(operation.name, input, caller)) as Record<string, unknown>;
    send(response, requestId, service.protocol.output(operation, output, requestId));
  }

  /** @param form the body, where it had to be read to learn whose request this is. */
  function dispatch(call: Call, head: RequestHead, form?: Buffer): void {
    const { request, admission } = call;
    const found = dispatcher.find(signedService(request), head);
    const destination = found ?? dispatcher.fallback;
    const fail = (error: unknown) => sendError(call.response, call.requestId, error, log, destination);
    try {
      if (found === undefined && form === undefined && isForm(head)) {
        const again = (body: Buffer) => dispatch(call, withForm(head, body), body);
        bodies.readSigned(request, admission, MAX_FORM, again, (error) =>
          fail(error ?? requestTooLarge(MAX_FORM, undefined)),
        );
        return;
      }
      const { service } = destination;
      if (service === undefined) throw dispatcher.unknown(destination);
      const open = service.protocol.open(head);
      const proceed = (body: Buffer) => void perform(service, open, call, body).catch(fail);
      if (form !== undefined) proceed(form);
      else {
        const maxRequest = service.maxRequests?.[open.operation ?? ''] ?? service.maxRequest;
        const refuse = (error: unknown) => fail(error ?? requestTooLarge(maxRequest, open.operation));
        bodies.readSigned(request, admission, maxRequest, proceed, refuse);
      }
    } catch (error) {
      fail(error);
    }
  }

  return {
    handle(request, response) {
      const requestId = randomUUID();
      try {
        checkHead(request);
        // Before anything else: what a function URL owns reaches nothing but its function.
        if (UrlFront.owns(request)) {
          urls.handle(request, response, requestId);
          return;
        }
        // A sandbox is no browser, and calls the server by the relay's own address.
        if (relayAccount(request.socket) === undefined) guard.check(request);
        if (request.url!.startsWith(OPERATOR_PATH)) {
          operator
            .handle(request, response, requestId)
            .catch((error: unknown) => sendError(response, requestId, error, log, LAMBDA));
          return;
        }
        const admission = authenticator.admit(request);
        // Whoever has signed for another service has not signed an invocation.
        const isLambda = admission.identity.service === LAMBDA.signingName;
        if (isLambda && request.method === 'POST' && InvokeTargets.owns(request.url!)) {
          invoke.handle(request, response, admission, requestId);
        } else if (isLambda && request.method === 'POST' && InvokeTargets.ownsStreaming(request.url!)) {
          invokeStreaming.handle(request, response, admission, requestId);
        } else {
          dispatch({ request, response, requestId, admission }, headOf(request));
        }
      } catch (error) {
        const destination = dispatcher.find(signedService(request), headOf(request)) ?? dispatcher.fallback;
        sendError(response, requestId, error, log, destination);
      }
    },
  };
}

/** One request on its way through the room. */
interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly admission: Admission;
}

function headOf({ method, url, headers }: IncomingMessage): RequestHead {
  const question = url!.indexOf('?');
  return {
    method: method!,
    path: question < 0 ? url! : url!.slice(0, question),
    query: new URLSearchParams(question < 0 ? '' : url!.slice(question + 1)),
    headers,
  };
}

/** The service that a request says it is signed for; undefined where it has no signature. */
function signedService(request: IncomingMessage): string | undefined {
  return parseCredential(credentialOf(request) ?? '').service;
}

function isForm({ headers }: RequestHead): boolean {
  return headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true;
}

/** As if the form stood in the URL, which is as good a place for it. */
function withForm(head: RequestHead, body: Buffer): RequestHead {
  return { ...head, query: new URLSearchParams([...head.query, ...new URLSearchParams(body.toString())]) };
}

function requestTooLarge(limit: number, operation: string | undefined): ApiError {
  const of = operation === undefined ? '' : ` for the ${operation} operation`;
  return new ApiError('RequestEntityTooLargeException', `Request must be smaller than ${limit} bytes${of}`);
}
