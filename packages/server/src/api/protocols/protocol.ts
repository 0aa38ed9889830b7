import type { IncomingHttpHeaders } from 'node:http';
import type { ApiError, ErrorEntry } from '@hearth/protocol';
import type { Operation } from '../model/schema.ts';
import type { RequestBody } from '../request-body.ts';

/** A request without its body. */
export interface RequestHead {
  readonly method: string;
  /** Percent-encoded as it was sent, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
}

/** What goes over the wire for an answer. The request id's header and the body's length are added by whoever sends it. */
export interface Answer {
  readonly status: number;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly contentType: string;
  /** Undefined where the answer has no body, as of status 204. */
  readonly body: string | undefined;
}

/** How a service's requests and answers are written: one of AWS's protocols, bound to the model of one service. */
export interface Protocol {
  /**
   * Whether an unsigned request is this service's, as far as its head tells. A signed one says by itself whose it is.
   */
  claims(head: RequestHead): boolean;
  /**
   * The request, as far as it can be understood before its body has come.
   *
   * @throws ApiError UnknownOperationException where the head alone shows that it belongs to no operation.
   */
  open(head: RequestHead): OpenRequest;
  /** @param output in the form of the SDK's types. */
  output(operation: Operation, output: Readonly<Record<string, unknown>>, requestId: string): Answer;
  /** @param entry what the service's table of errors has for this one. */
  error(error: ApiError, entry: ErrorEntry, requestId: string): Answer;
}

export interface OpenRequest {
  /** Where the head tells it; for messages. */
  readonly operation: string | undefined;
  /** @throws ApiError UnknownOperationException, SerializationException */
  read(body: RequestBody): ReadRequest;
}

export interface ReadRequest {
  readonly operation: Operation;
  /**
   * The operation's input as the SDK's types describe it, not yet held against the model's constraints. Members that
   * the model doesn't have are left out, as AWS does.
   *
   * @throws ApiError SerializationException for what can't be read as the model says.
   */
  input(): Record<string, unknown>;
}
