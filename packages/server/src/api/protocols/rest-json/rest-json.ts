import type { ApiError, ErrorEntry } from '@hearth/protocol';
import { ApiError as Failure } from '@hearth/protocol';
import type { Operation, ServiceModel } from '../../model/schema.ts';
import { writeValue } from '../json-values.ts';
import type { Answer, OpenRequest, Protocol, RequestHead } from '../protocol.ts';
import { readInput } from './input.ts';
import { Router } from './router.ts';

const CONTENT_TYPE = 'application/json';

/**
 * REST-JSON: method and path name the operation; a JSON document holds what travels in neither path, query nor headers.
 *
 * Source: https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html
 */
export class RestJson implements Protocol {
  readonly #service: string;
  readonly #model: ServiceModel;
  readonly #router: Router;

  /** @param service as people call it, for messages. */
  constructor(service: string, model: ServiceModel) {
    this.#service = service;
    this.#model = model;
    this.#router = new Router(model.operations.values());
  }

  claims({ method, path, query }: RequestHead): boolean {
    return this.#router.route(method, path, query) !== undefined;
  }

  open(head: RequestHead): OpenRequest {
    const route = this.#router.route(head.method, head.path, head.query);
    if (route === undefined) {
      throw new Failure(
        'UnknownOperationException',
        `${head.method} ${head.path.slice(0, 200)} is no operation of ${this.#service}'s API.`,
      );
    }
    const { operation, labels } = route;
    return {
      operation: operation.name,
      read: (body) => ({ operation, input: () => readInput(operation, { ...head, labels, body }) }),
    };
  }

  output(operation: Operation, output: Readonly<Record<string, unknown>>): Answer {
    let { status } = operation.http!;
    const headers: string[] = [];
    const document: Record<string, unknown> = {};
    for (const member of operation.output.members.values()) {
      const value = output[member.name];
      if (value === undefined || value === null) continue;
      if (member.location === 'status') status = value as number;
      else if (member.location === 'header') headers.push(member.wireName, `${value as string | number | boolean}`);
      else document[member.wireName] = writeValue(member.shape, value);
    }
    return { status, headers, contentType: CONTENT_TYPE, body: status === 204 ? undefined : JSON.stringify(document) };
  }

  /** The name in a header, fault and message in the body, the message under the name that the model has for this error. */
  error(error: ApiError, { status, fault }: ErrorEntry): Answer {
    const body = {
      ...(error.reason === undefined ? {} : { Reason: error.reason }),
      Type: fault === 'caller' ? 'User' : 'Service',
      [this.#model.errors.get(error.code)?.messageMember ?? 'message']: error.message,
    };
    return {
      status,
      headers: ['x-amzn-errortype', error.code],
      contentType: CONTENT_TYPE,
      body: JSON.stringify(body),
    };
  }
}
