import type { IncomingMessage, ServerResponse } from 'node:http';
import { ApiError } from '@hearth/protocol';
import { GB_HOUR_IN_MB_MS } from '../../capacity/bought/usage.ts';
import type { UsageRow } from '../../capacity/bought/usage.ts';
import type { Caller } from '../../functions/caller.ts';
import { sendJson } from '../answers.ts';
import type { CapacityPorts } from '../ports.ts';
import { readJson } from './json-body.ts';

/** What these endpoints begin with. */
export const CAPACITY_PATH = '/_hearth/capacity';

const DAY_MS = 86_400_000;

/**
 * What `hearth capacity` calls. Answers are JSON; docs/guides/capacity.md says what the fields mean.
 *
 *     GET    /_hearth/capacity                      purchases, policies and sub-pools
 *     POST   /_hearth/capacity                      {class, amount, ...}
 *     GET    /_hearth/capacity/ID
 *     PATCH  /_hearth/capacity/ID                   what of it is to be another
 *     DELETE /_hearth/capacity/ID
 *     PUT    /_hearth/capacity/policies/ACCOUNT     {policy, waitSeconds?, maxInstances?}
 *     GET    /_hearth/capacity/usage                ?account=&from=&to=, the last 24 hours if not told
 */
export class CapacityEndpoints {
  readonly #ports: CapacityPorts;
  readonly #now: () => number;

  constructor(ports: CapacityPorts, now: () => number) {
    this.#ports = ports;
    this.#now = now;
  }

  /**
   * @param caller whose capacity it is, given the account that the body names, if it names one; may throw.
   * @throws ApiError
   */
  async handle(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    caller: (account?: string) => Caller,
    requestId: string,
  ): Promise<void> {
    const [first, account, ...rest] = url.pathname.slice(CAPACITY_PATH.length + 1).split('/');
    const body = await readJson(request);
    const answer = (status: number, value: unknown): void =>
      sendJson(response, requestId, status, JSON.stringify(value));
    const { book } = this.#ports;
    if (rest.length > 0 || (account !== undefined && first !== 'policies')) throw unknown(request, url);
    switch (
      `${request.method} ${first === 'usage' || first === 'policies' ? first : first === undefined || first === '' ? 'all' : 'one'}`
    ) {
      case 'GET all':
        return answer(200, { purchases: book.list(), policies: book.policies(), subPools: this.#ports.subPools() });
      case 'POST all': {
        const { account: named } = body;
        return answer(201, await book.create(body, caller(typeof named === 'string' ? named : undefined)));
      }
      case 'GET one':
        return answer(200, book.get(first!));
      case 'PATCH one':
        return answer(200, await book.update(first!, body));
      case 'DELETE one':
        await book.release(first!);
        return answer(200, { released: first });
      case 'PUT policies': {
        if (account === undefined || !/^\d{12}$/.test(account)) throw invalid('Name the account: 12 digits.');
        return answer(200, await book.setPolicy(account, body));
      }
      case 'GET usage':
        return answer(200, { usage: (await book.usage(this.#query(url.searchParams))).map(rowView) });
      default:
        throw unknown(request, url);
    }
  }

  #query(parameters: URLSearchParams): { account?: string; from: number; to: number } {
    const to = readTime(parameters.get('to')) ?? this.#now();
    const from = readTime(parameters.get('from')) ?? to - DAY_MS;
    const account = parameters.get('account');
    return { from, to, ...(account !== null && { account }) };
  }
}

/** A row for people: gigabytes times hours. */
function rowView({ hour, heldMbMs, usedMbMs, ...row }: UsageRow): unknown {
  return {
    ...row,
    hour: new Date(hour).toISOString(),
    heldGbHours: heldMbMs / GB_HOUR_IN_MB_MS,
    usedGbHours: usedMbMs / GB_HOUR_IN_MB_MS,
  };
}

function readTime(text: string | null): number | undefined {
  if (text === null) return undefined;
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw invalid('from and to are times like 2026-12-31T23:00:00Z.');
  return time;
}

function invalid(message: string): ApiError {
  return new ApiError('InvalidParameterValueException', message);
}

function unknown({ method }: IncomingMessage, { pathname }: URL): ApiError {
  return new ApiError(
    'UnknownOperationException',
    `${method} ${pathname.slice(0, 200)} is nothing that can be done to capacity.`,
  );
}
