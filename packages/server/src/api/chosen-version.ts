import type { IncomingHttpHeaders } from 'node:http';
import type { Resolution } from '../functions/functions.ts';
import { readConsistency } from '../functions/updates/policy.ts';
import type { Choice } from '../functions/updates/update.ts';

/** With it a request says how old the code may be that it runs, in the words of the function's tag `hearth:consistency`. */
const CONSISTENCY_HEADER = 'x-hearth-consistency';

/**
 * The version that a request runs, where there are several: an alias may name two, and `$LATEST` may be in the middle of an update.
 *
 * @param random from 0 up to 1.
 * @throws ApiError InvalidParameterValueException where the request's header says nothing of sense.
 */
export function chosenVersion(resolution: Resolution, headers: IncomingHttpHeaders, random: () => number): Choice {
  const text = headers[CONSISTENCY_HEADER] as string | undefined;
  const asked = text === undefined ? undefined : readConsistency(text, CONSISTENCY_HEADER);
  const { other, weight, chooser } = resolution;
  if (other !== undefined && random() < weight) return other;
  return chooser === undefined ? resolution : chooser.choose(asked);
}
