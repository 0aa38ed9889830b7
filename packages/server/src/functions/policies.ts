import type { AddPermissionRequest, GetPolicyResponse, RemovePermissionRequest } from '@aws-sdk/client-lambda';
import { ApiError } from '@hearth/protocol';
import type { Caller } from './caller.ts';
import { qualifiedArn } from './function-name.ts';
import { policyDocument, policyOf, statementOf, withPolicy } from './policy-document.ts';
import type { Statement } from './policy-document.ts';
import { checkPolicySize, statementExists, statementMissing } from './policy-errors.ts';
import { isAllowed } from './policy-evaluation.ts';
import type { AccessRequest } from './policy-evaluation.ts';
import { checkRevision } from './registry.ts';
import type { Found, Registry } from './registry.ts';

/**
 * Resource policies: who beside its own account may do something with a function. Its unqualified ARN has one, and each
 * version and alias may have its own.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
 */
export class Policies {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** @returns the statement, as JSON. */
  add(caller: Caller, request: AddPermissionRequest): Promise<string> {
    const { FunctionName: name = '', Qualifier: qualifier, StatementId: sid = '' } = request;
    const find = () => this.#registry.find(caller, name, qualifier, 'AddPermission');
    return this.#change(find, request.RevisionId, ({ entry, qualifier: at }, statements) => {
      if (at === '$LATEST') {
        throw new ApiError(
          'InvalidParameterValueException',
          'We currently do not support adding policies for $LATEST.',
        );
      }
      if (statements.some(({ Sid }) => Sid === sid)) throw statementExists(sid);
      const added = statementOf(request, entry.record.region, qualifiedArn(entry.record, at));
      return { statements: [...statements, added], answer: JSON.stringify(added) };
    });
  }

  async remove(caller: Caller, request: RemovePermissionRequest): Promise<void> {
    const { FunctionName: name = '', Qualifier: qualifier, StatementId: sid = '' } = request;
    const find = () => this.#registry.find(caller, name, qualifier, 'RemovePermission');
    await this.#change(find, request.RevisionId, (_found, statements) => {
      if (statements.length === 0) throw missing('No policy is associated with the given resource.');
      const left = statements.filter(({ Sid }) => Sid !== sid);
      if (left.length === statements.length) throw statementMissing(sid);
      return { statements: left, answer: undefined };
    });
  }

  get(caller: Caller, name: string, qualifier: string | undefined): GetPolicyResponse {
    const found = this.#registry.find(caller, name, qualifier, 'GetPolicy');
    const policy = policyOf(found.entry.record, found.qualifier);
    if (policy === undefined) throw missing('The resource you requested does not exist.');
    return { Policy: policyDocument(policy.statements), RevisionId: policy.revisionId };
  }

  /** Whether the policy of a function, or of what its qualifier names, allows something. */
  allows(caller: Caller, name: string, qualifier: string | undefined, request: AccessRequest): boolean {
    const found = this.#registry.find(caller, name, qualifier, request.action);
    return isAllowed(policyOf(found.entry.record, found.qualifier)?.statements ?? [], request);
  }

  #change<T>(
    find: () => Found,
    revision: string | undefined,
    change: (found: Found, statements: readonly Statement[]) => { statements: readonly Statement[]; answer: T },
  ): Promise<T> {
    return this.#registry.inTurn(
      () => find().entry,
      async ({ record }) => {
        const found = find();
        const policy = policyOf(record, found.qualifier);
        checkRevision(revision, policy?.revisionId, 'GetPolicy');
        const { statements, answer } = change(found, policy?.statements ?? []);
        checkPolicySize(policyDocument(statements));
        await this.#registry.save(withPolicy(record, found.qualifier, statements));
        return answer;
      },
    );
  }
}

function missing(message: string): ApiError {
  return new ApiError('ResourceNotFoundException', message);
}
