import { ApiError } from '@hearth/protocol';
import type { ErrorEntry } from '@hearth/protocol';
import type { Operation, ServiceModel } from '../../model/schema.ts';
import type { Answer, OpenRequest, Protocol, RequestHead } from '../protocol.ts';
import { element, escapeXml, writeXml } from '../xml.ts';
import { queryName } from './error-names.ts';
import { readForm } from './form.ts';

const CONTENT_TYPE = 'text/xml';

export interface QueryOptions {
  /** Of the API, as requests say it; it tells services apart where no signature does. */
  readonly version: string;
  readonly namespace: string;
}

/**
 * The query protocol: a form, in the body or in the URL, whose `Action` names the operation; answers are XML.
 *
 * Source: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
 */
export class Query implements Protocol {
  readonly #service: string;
  readonly #model: ServiceModel;
  readonly #version: string;
  readonly #namespace: string;

  /** @param service as people call it, for messages. */
  constructor(service: string, model: ServiceModel, { version, namespace }: QueryOptions) {
    this.#service = service;
    this.#model = model;
    this.#version = version;
    this.#namespace = namespace;
  }

  claims({ query }: RequestHead): boolean {
    return query.has('Action') && query.get('Version') === this.#version;
  }

  open({ query }: RequestHead): OpenRequest {
    return {
      operation: query.get('Action') ?? undefined,
      read: (body) => {
        const form =
          body.length === 0 ? query : new URLSearchParams([...query, ...new URLSearchParams(body.bytes.toString())]);
        const operation = this.#operation(form);
        return { operation, input: () => readForm(operation.input, form) };
      },
    };
  }

  output(operation: Operation, output: Readonly<Record<string, unknown>>, requestId: string): Answer {
    const { name } = operation;
    const result =
      operation.output.members.size === 0 ? '' : element(`${name}Result`, writeXml(operation.output, output));
    const metadata = element('ResponseMetadata', element('RequestId', requestId));
    return this.#answer(200, `${name}Response`, result + metadata);
  }

  error(error: ApiError, { status, fault }: ErrorEntry, requestId: string): Answer {
    const parts = [
      element('Type', fault === 'caller' ? 'Sender' : 'Receiver'),
      element('Code', queryName(error.code, this.#model.errors.get(error.code)?.code)),
      element('Message', escapeXml(error.message)),
    ];
    return this.#answer(status, 'ErrorResponse', element('Error', parts.join('')) + element('RequestId', requestId));
  }

  #operation(form: URLSearchParams): Operation {
    const action = form.get('Action');
    if (action === null) {
      throw new ApiError('UnknownOperationException', `The request names no Action of ${this.#service}'s API.`);
    }
    const operation = this.#model.operations.get(action);
    const version = form.get('Version') ?? this.#version;
    if (operation === undefined || version !== this.#version) {
      throw new ApiError(
        'UnknownOperationException',
        `Could not find operation ${action.slice(0, 200)} for version ${version.slice(0, 50)} of ${this.#service}'s API.`,
      );
    }
    return operation;
  }

  #answer(status: number, root: string, content: string): Answer {
    const body = `<${root} xmlns="${this.#namespace}">${content}</${root}>`;
    return { status, headers: [], contentType: CONTENT_TYPE, body };
  }
}
