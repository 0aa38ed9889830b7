import type { IncomingMessage, ServerResponse } from 'node:http';
import { ApiError } from '@hearth/protocol';
import type { KeyRecord } from '../../auth/accounts/account.ts';
import type { Accounts } from '../../auth/accounts/accounts.ts';
import type { Functions } from '../../functions/functions.ts';
import { sendJson } from '../answers.ts';
import { readJson } from './json-body.ts';

/** What these endpoints begin with. */
export const ACCOUNTS_PATH = '/_hearth/accounts';

const LONGEST_NAME = 128;
const MAX_CONCURRENCY = 1_000_000;

/**
 * What `hearth account` calls. Answers are JSON; a secret is told once, by the request that makes its key.
 *
 *     GET    /_hearth/accounts                      all accounts, with their keys
 *     POST   /_hearth/accounts                      {id?, name?, limits?}
 *     GET    /_hearth/accounts/ID
 *     PATCH  /_hearth/accounts/ID                   {name?, limits?: {concurrency: number | null}}
 *     DELETE /_hearth/accounts/ID                   where it has no function any more
 *     POST   /_hearth/accounts/ID/keys
 *     PATCH  /_hearth/accounts/ID/keys/KEY          {status: "Active" | "Inactive"}
 *     DELETE /_hearth/accounts/ID/keys/KEY
 */
export class AccountEndpoints {
  readonly #accounts: Accounts;
  readonly #functions: Functions;

  constructor(accounts: Accounts, functions: Functions) {
    this.#accounts = accounts;
    this.#functions = functions;
  }

  /** @throws ApiError */
  async handle(request: IncomingMessage, response: ServerResponse, path: string, requestId: string): Promise<void> {
    const [id, collection, key, ...rest] = path.slice(ACCOUNTS_PATH.length + 1).split('/');
    const body = await readJson(request);
    if (rest.length > 0 || (collection !== undefined && collection !== 'keys')) throw unknown(request, path);
    const [status, answer] =
      id === undefined || id === ''
        ? await this.#all(request, path, body)
        : collection === undefined
          ? await this.#one(request, path, id, body)
          : await this.#keys(request, path, id, key, body);
    sendJson(response, requestId, status, JSON.stringify(answer));
  }

  async #all(request: IncomingMessage, path: string, body: Record<string, unknown>): Promise<[number, unknown]> {
    switch (request.method) {
      case 'GET':
        return [200, { accounts: this.#accounts.list() }];
      case 'POST': {
        const { id, ...change } = body;
        if (id !== undefined && !(typeof id === 'string' && /^\d{12}$/.test(id))) throw invalid('id is 12 digits.');
        const { name = '', limits } = readChange(change);
        return [201, await this.#accounts.create(name, toLimits(limits), id)];
      }
      default:
        throw unknown(request, path);
    }
  }

  async #one(
    request: IncomingMessage,
    path: string,
    id: string,
    body: Record<string, unknown>,
  ): Promise<[number, unknown]> {
    switch (request.method) {
      case 'GET':
        return [200, this.#accounts.get(id)];
      case 'PATCH':
        return [200, await this.#accounts.update(id, readChange(body))];
      case 'DELETE':
        this.#accounts.get(id);
        if (this.#functions.hasAny(id)) {
          throw new ApiError(
            'ResourceConflictException',
            `Account ${id} still has functions or layers. Hint: delete them with a key of the account:  hearth rm NAME, aws lambda delete-layer-version`,
          );
        }
        await this.#accounts.delete(id);
        return [200, { deleted: id }];
      default:
        throw unknown(request, path);
    }
  }

  async #keys(
    request: IncomingMessage,
    path: string,
    id: string,
    key: string | undefined,
    body: Record<string, unknown>,
  ): Promise<[number, unknown]> {
    switch (`${request.method} ${key === undefined ? 'all' : 'one'}`) {
      case 'POST all':
        return [201, withSecret(await this.#accounts.createKey(id))];
      case 'PATCH one': {
        const { status } = body;
        if (status !== 'Active' && status !== 'Inactive') throw invalid('status is Active or Inactive.');
        return [200, await this.#accounts.setKeyStatus(id, key!, status)];
      }
      case 'DELETE one':
        await this.#accounts.deleteKey(id, key!);
        return [200, { deleted: key }];
      default:
        throw unknown(request, path);
    }
  }
}

/** A new key in AWS's names, which is how its owner will use it. */
function withSecret({ id, account, secret, status, createdAt }: KeyRecord): unknown {
  return { account, accessKeyId: id, secretAccessKey: secret, status, createdAt };
}

interface Change {
  name?: string;
  limits?: { concurrency?: number | null };
}

function readChange(value: Record<string, unknown>): Change {
  const { name, limits, ...rest } = value;
  if (Object.keys(rest).length > 0)
    throw invalid(`${Object.keys(rest).join(', ').slice(0, 200)} is nothing an account has.`);
  if (name !== undefined && (typeof name !== 'string' || name.length > LONGEST_NAME)) {
    throw invalid(`name is a text of at most ${LONGEST_NAME} characters.`);
  }
  if (limits === undefined) return name === undefined ? {} : { name };
  const { concurrency } = (limits ?? {}) as { concurrency?: unknown };
  const number = typeof concurrency === 'number' && Number.isInteger(concurrency) && concurrency >= 0;
  if (concurrency !== null && !(number && concurrency <= MAX_CONCURRENCY)) {
    throw invalid(`limits is {"concurrency": N}, N from 0 to ${MAX_CONCURRENCY}, or null for the server's own limit.`);
  }
  return { ...(name === undefined ? {} : { name }), limits: { concurrency } };
}

function toLimits(limits: Change['limits']): { concurrency?: number } {
  const concurrency = limits?.concurrency;
  return concurrency === undefined || concurrency === null ? {} : { concurrency };
}

function invalid(message: string): ApiError {
  return new ApiError('InvalidParameterValueException', message);
}

function unknown({ method }: IncomingMessage, path: string): ApiError {
  return new ApiError(
    'UnknownOperationException',
    `${method} ${path.slice(0, 200)} is nothing that can be done to accounts.`,
  );
}
