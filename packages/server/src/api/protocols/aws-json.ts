import { ApiError } from '@hearth/protocol';
import type { ErrorEntry } from '@hearth/protocol';
import type { Operation, ServiceModel } from '../model/schema.ts';
import { readDocument, readStructure, writeValue } from './json-values.ts';
import type { Answer, OpenRequest, Protocol, RequestHead } from './protocol.ts';

export interface AwsJsonOptions {
  /** What the service is called in `X-Amz-Target`, as `Logs_20140328`. */
  readonly target: string;
  readonly version: '1.0' | '1.1';
}

/**
 * AWS JSON 1.0 and 1.1: the header `X-Amz-Target` names the operation, a JSON document is its input.
 *
 * Source: https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
 */
export class AwsJson implements Protocol {
  readonly #service: string;
  readonly #model: ServiceModel;
  readonly #prefix: string;
  readonly #contentType: string;

  /** @param service as people call it, for messages. */
  constructor(service: string, model: ServiceModel, { target, version }: AwsJsonOptions) {
    this.#service = service;
    this.#model = model;
    this.#prefix = `${target}.`;
    this.#contentType = `application/x-amz-json-${version}`;
  }

  claims({ headers }: RequestHead): boolean {
    return targetOf(headers)?.startsWith(this.#prefix) === true;
  }

  open({ headers }: RequestHead): OpenRequest {
    const target = targetOf(headers) ?? '';
    const name = target.startsWith(this.#prefix) ? target.slice(this.#prefix.length) : '';
    const operation = this.#model.operations.get(name);
    if (operation === undefined) {
      throw new ApiError(
        'UnknownOperationException',
        `The header X-Amz-Target, ${JSON.stringify(target.slice(0, 200))}, names no operation of ${this.#service}'s API.`,
      );
    }
    return {
      operation: name,
      read: (body) => ({ operation, input: () => readStructure(operation.input, readDocument(body), '') }),
    };
  }

  output(operation: Operation, output: Readonly<Record<string, unknown>>): Answer {
    return this.#answer(200, writeValue(operation.output, output));
  }

  error(error: ApiError, { status }: ErrorEntry): Answer {
    const member = this.#model.errors.get(error.code)?.messageMember ?? 'message';
    return this.#answer(status, { __type: error.code, [member]: error.message }, ['x-amzn-errortype', error.code]);
  }

  #answer(status: number, document: unknown, headers: readonly string[] = []): Answer {
    return { status, headers, contentType: this.#contentType, body: JSON.stringify(document) };
  }
}

function targetOf(headers: RequestHead['headers']): string | undefined {
  return headers['x-amz-target'] as string | undefined;
}
