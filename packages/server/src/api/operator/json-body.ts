import type { IncomingMessage } from 'node:http';
import { ApiError } from '@hearth/protocol';
import { BodyReader } from '../body.ts';

/** Bytes of a body. */
const MAX_BODY = 64 * 1024;
/** None of them is long enough to be counted. */
const bodies = new BodyReader(0);

/** The body of an operator's request, a JSON object; an empty one where there is no body. @throws ApiError */
export async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  const text = await readText(request);
  if (text === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ApiError('InvalidParameterValueException', 'The body is not JSON.', { cause });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new ApiError('InvalidParameterValueException', 'The body is no JSON object.');
}

function readText(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    bodies.read(
      request,
      MAX_BODY,
      (body) => resolve(body.toString()),
      (error) =>
        reject(error ?? new ApiError('RequestEntityTooLargeException', `The body is longer than ${MAX_BODY} bytes.`)),
    );
  });
}
