import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { ApiError } from '@hearth/protocol';
import type { FunctionSpec } from '@hearth/protocol';
import type { Admission, Identity } from '../../auth/identity.ts';
import { onCapacity } from '../../functions/capacity-class.ts';
import { forTenant } from '../../functions/tenancy.ts';
import type { Choice } from '../../functions/updates/update.ts';
import type { Invocation } from '../../invoke/invocation.ts';
import { activeTrace } from '../../invoke/trace.ts';
import type { BodyReader } from '../body.ts';
import { checkPayload, MAX_PAYLOAD } from './payload.ts';

/**
 * Reads the event of a request that invokes a function.
 *
 * @param operation as AWS's message names it.
 * @param next exactly one of the two is called, once, and neither where the client goes away.
 */
export function readEvent(
  bodies: BodyReader,
  request: IncomingMessage,
  admission: Admission,
  operation: string,
  next: (event: Buffer) => void,
  fail: (error: unknown) => void,
): void {
  bodies.readSigned(
    request,
    admission,
    MAX_PAYLOAD,
    (payload) =>
      checkPayload(payload, (error, event) => {
        if (error === undefined) next(event);
        else fail(error);
      }),
    (error) =>
      fail(
        error ??
          new ApiError(
            'RequestTooLargeException',
            `Request must be smaller than ${MAX_PAYLOAD} bytes for the ${operation} operation`,
          ),
      ),
  );
}

/**
 * The choice for the tenant and the class of capacity that a request names.
 *
 * @throws ApiError as {@link forTenant} and {@link onCapacity} do.
 */
export function choiceFor(choice: Choice, headers: IncomingHttpHeaders): Choice {
  const tenant = headers['x-amz-tenant-id'] as string | undefined;
  const capacityClass = headers['x-hearth-capacity-class'] as string | undefined;
  if (tenant === undefined && capacityClass === undefined && choice.spec.tenancy === undefined) return choice;
  const { reason, report } = choice;
  const spec = forTenant(choice.spec, tenant);
  return { reason, report, spec: capacityClass === undefined ? spec : onCapacity(spec, capacityClass) };
}

/** @throws ApiError InvalidRequestContentException for a client context that is none. */
export function describeInvocation(
  headers: IncomingHttpHeaders,
  { spec, reason, report }: Choice,
  invokedArn: string,
  requestId: string,
  payload: Buffer,
  tail: boolean,
): Invocation {
  const context = headers['x-amz-client-context'] as string | undefined;
  const sentTrace = headers['x-amzn-trace-id'] as string | undefined;
  const traceId = spec.tracing === undefined ? sentTrace : activeTrace(sentTrace, Date.now());
  return {
    requestId,
    spec,
    reason,
    report,
    invokedArn,
    payload,
    tail,
    ...(spec.tenant === undefined ? undefined : { tenantId: spec.tenant.id }),
    ...(context === undefined ? undefined : { clientContext: decodeContext(context) }),
    ...(traceId === undefined ? undefined : { traceId }),
  };
}

/**
 * Whether the caller gets the last of the log. As on AWS, what a function logs is its own account's.
 *
 * @throws ApiError AccessDeniedException where another account asks for it.
 */
export function wantsTail(logType: string | undefined, { account }: Identity, spec: FunctionSpec): boolean {
  if (logType !== 'Tail') return false;
  if (spec.account !== account) {
    throw new ApiError('AccessDeniedException', 'Cross-account log access is not allowed');
  }
  return true;
}

export function unavailable(what: string, instead = ''): ApiError {
  return new ApiError('NotImplementedException', `${what} is not supported by Hearth yet. ${instead}`.trimEnd());
}

/** @throws ApiError InvalidRequestContentException for what isn't base64 of JSON of at most 3,583 bytes. */
function decodeContext(context: string): string {
  const text = Buffer.from(context, 'base64').toString();
  try {
    if (context.length > 3583) throw new Error('it is longer than 3583 bytes');
    JSON.parse(text);
    return text;
  } catch (cause) {
    throw new ApiError(
      'InvalidRequestContentException',
      `Client context must be a valid Base64-encoded JSON object: ${(cause as Error).message}`,
      { cause },
    );
  }
}
