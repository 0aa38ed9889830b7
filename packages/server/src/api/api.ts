import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ApiError } from '@hearth/protocol';
import type { BrowserGuard } from '../auth/browser-guard.ts';
import type { Authenticator, Identity } from '../auth/identity.ts';
import { relayAccount } from '../auth/relay.ts';
import type { Functions } from '../functions/functions.ts';
import { sendError, sendJson } from './answers.ts';
import { readBody } from './body.ts';
import { CodeLinks } from './code-link.ts';
import { readInput } from './input.ts';
import { InvokeOperation } from './invoke.ts';
import { HANDLERS } from './operations/index.ts';
import { OPERATOR_PATH, OperatorEndpoints } from './operator.ts';
import { writeOutput } from './output.ts';
import type { FailureLog, Invoker, OperatorPorts } from './ports.ts';
import { route } from './router.ts';
import type { Route } from './router.ts';
import { InvokeTargets } from './targets.ts';
import { validate } from './validation.ts';

/** Bytes of the body of any request but Invoke; AWS's number, for a package of 50 MB in base64 and the rest. */
const MAX_REQUEST = 70_167_211;

export interface ApiPorts {
  readonly functions: Functions;
  readonly invoker: Invoker;
  readonly authenticator: Authenticator;
  readonly guard: BrowserGuard;
  readonly operator: OperatorPorts;
  readonly log: FailureLog;
  /** Executions that this installation runs at once at most; what GetAccountSettings says. */
  readonly concurrency: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface Api {
  /** Answers any request; for `request` of a node:http server. Never throws. */
  handle(request: IncomingMessage, response: ServerResponse): void;
}

/** Lambda's REST API and the operator's endpoints. */
export function createApi(ports: ApiPorts): Api {
  const { authenticator, functions, guard, log } = ports;
  const links = new CodeLinks(ports.now);
  const invoke = new InvokeOperation(new InvokeTargets(functions), ports.invoker, log);
  const operator = new OperatorEndpoints(ports.operator, functions, links);

  async function perform({ operation, labels }: Route, call: Call, body: Buffer): Promise<void> {
    const handler = HANDLERS.get(operation.name);
    if (handler === undefined) {
      throw new ApiError(
        'NotImplementedException',
        `Operation ${operation.name} is not supported by Hearth yet. The README lists what is.`,
      );
    }
    const { request, response, requestId, identity, query } = call;
    const input = readInput(operation, { labels, query, headers: request.headers, body });
    validate(operation.input.name, input);
    const host = request.headers.host ?? 'localhost';
    const context = { identity, functions, links, host, concurrency: ports.concurrency };
    const answer = writeOutput(operation, (await handler(input as never, context)) as Record<string, unknown>);
    sendJson(response, requestId, answer.status, answer.body, answer.headers);
  }

  function dispatch(call: Call, fail: (error: unknown) => void): void {
    const { request } = call;
    const found = route(request.method!, call.path, call.query);
    if (found === undefined) {
      throw new ApiError(
        'UnknownOperationException',
        `${request.method} ${call.path.slice(0, 200)} is no operation of AWS Lambda's API, the only one that Hearth serves.`,
      );
    }
    readBody(
      request,
      MAX_REQUEST,
      (body) => {
        perform(found, call, body).catch(fail);
      },
      () =>
        fail(
          new ApiError(
            'RequestEntityTooLargeException',
            `Request must be smaller than ${MAX_REQUEST} bytes for the ${found.operation.name} operation`,
          ),
        ),
    );
  }

  return {
    handle(request, response) {
      const requestId = randomUUID();
      const fail = (error: unknown) => sendError(response, requestId, error, log);
      try {
        // A sandbox is no browser, and calls the server by the relay's own address.
        if (relayAccount(request.socket) === undefined) guard.check(request);
        const identity = authenticator.authenticate(request);
        const url = request.url!;
        if (request.method === 'POST' && InvokeTargets.owns(url)) {
          invoke.handle(request, response, identity, requestId);
        } else if (url.startsWith(OPERATOR_PATH)) {
          operator.handle(request, response, identity, requestId).catch(fail);
        } else {
          const question = url.indexOf('?');
          const path = question < 0 ? url : url.slice(0, question);
          const query = new URLSearchParams(question < 0 ? '' : url.slice(question + 1));
          dispatch({ request, response, requestId, identity, path, query }, fail);
        }
      } catch (error) {
        fail(error);
      }
    },
  };
}

/** One request on its way through the room. */
interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly identity: Identity;
  readonly path: string;
  readonly query: URLSearchParams;
}
