import type { ConditionOperator, Statement, StatementPrincipal } from './policy-document.ts';

/** Who wants something: somebody with credentials, an AWS service, or with undefined anyone at all. */
export type AccessPrincipal =
  | { readonly account: string; readonly arn: string }
  | { readonly service: string }
  | undefined;

/** What is wanted, in IAM's words. */
export interface AccessRequest {
  /** As `lambda:InvokeFunction`. */
  readonly action: string;
  readonly principal: AccessPrincipal;
  /** Values of condition keys, the keys in lower case, as `lambda:functionurlauthtype`. */
  readonly context?: Readonly<Record<string, string>>;
}

/**
 * Whether some statement allows what is wanted. A statement with a condition on a key that the request hasn't allows nothing.
 *
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 */
export function isAllowed(
  statements: readonly Statement[],
  { action, principal, context = {} }: AccessRequest,
): boolean {
  return statements.some(
    (statement) =>
      isAction(statement.Action, action) &&
      isPrincipal(statement.Principal, principal) &&
      Object.entries(statement.Condition ?? {}).every(([operator, wanted]) =>
        Object.entries(wanted).every(([key, value]) => {
          const actual = context[key.toLowerCase()];
          return actual !== undefined && OPERATORS[operator as ConditionOperator](value, actual);
        }),
      ),
  );
}

function isAction(allowed: string, action: string): boolean {
  return allowed === '*' || allowed === 'lambda:*' || allowed.toLowerCase() === action.toLowerCase();
}

function isPrincipal(allowed: StatementPrincipal, actual: AccessPrincipal): boolean {
  if (allowed === '*') return true;
  if (actual === undefined) return false;
  if ('Service' in allowed) return 'service' in actual && actual.service === allowed.Service;
  if (!('account' in actual)) return false;
  const [, service, account, resource] = /^arn:[^:]+:(iam|sts)::(\d{12}):(.+)$/.exec(allowed.AWS) ?? [];
  if (account !== actual.account) return false;
  if (resource === 'root' || allowed.AWS === actual.arn) return true;
  // A role's path is no part of the ARNs of its sessions.
  const role = service === 'iam' ? /^role\/(?:.*\/)?([^/]+)$/.exec(resource!)?.[1] : undefined;
  const session = /^arn:[^:]+:sts::\d{12}:assumed-role\/([^/]+)\//.exec(actual.arn)?.[1];
  return role !== undefined && role === session;
}

/** What a statement asks for, and what the request has. */
const OPERATORS: Readonly<Record<ConditionOperator, (wanted: string, actual: string) => boolean>> = {
  StringEquals: (wanted, actual) => wanted === actual,
  ArnLike: isArnLike,
  Bool: (wanted, actual) => wanted.toLowerCase() === actual.toLowerCase(),
};

/** Each of the six parts of an ARN is matched by itself: a `*` in one doesn't reach into the next. */
function isArnLike(pattern: string, arn: string): boolean {
  const wanted = arnParts(pattern);
  const actual = arnParts(arn);
  return wanted.length === actual.length && wanted.every((part, index) => matches(part, actual[index]!));
}

function arnParts(arn: string): string[] {
  const parts = arn.split(':');
  return [...parts.slice(0, 5), parts.slice(5).join(':')];
}

/** `*` stands for any characters, `?` for one. Takes time in proportion to the product of both lengths at most. */
function matches(pattern: string, text: string): boolean {
  let at = 0;
  let star = -1;
  let resume = 0;
  for (let i = 0; i < text.length;) {
    if (pattern[at] === '*') {
      star = at++;
      resume = i;
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === text[i])) {
      at++;
      i++;
    } else if (star >= 0) {
      at = star + 1;
      i = ++resume;
    } else return false;
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}
