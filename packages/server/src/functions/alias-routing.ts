import type { AliasRoutingConfiguration } from '@aws-sdk/client-lambda';
import { ApiError } from '@hearth/protocol';
import type { Entry } from './function-index.ts';
import type { AliasRecord, RunnableRecord } from './function-record.ts';
import { versionOf } from './registry.ts';

/**
 * What an alias that points to `version` shares its invocations with; undefined where it has them all.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html
 *
 * @throws ApiError ResourceNotFoundException for versions that aren't there, InvalidParameterValueException for two
 * that can't share an alias.
 */
export function readRouting(
  entry: Entry,
  version: string,
  routing: AliasRoutingConfiguration | undefined,
): AliasRecord['additional'] {
  const main = versionOf(entry, version);
  const weights = Object.entries(routing?.AdditionalVersionWeights ?? {});
  if (weights.length === 0) return undefined;
  if (weights.length > 1) throw invalid('Number of items in AdditionalVersionWeights cannot be greater than 1.');
  const [additional, weight] = weights[0]!;
  if (main === undefined) throw invalid('$LATEST is not supported for an alias pointing to more than 1 version');
  if (additional === version) {
    throw invalid(
      `Invalid function version ${version}. Function version ${version} is already included in routing configuration.`,
    );
  }
  // The model bounds it, but not what is no number.
  if (!(weight >= 0 && weight <= 1)) throw invalid(`The weight of version ${additional} is no number from 0 to 1.`);
  const { record } = versionOf(entry, additional)!;
  checkAlike(main.record, record);
  return { version: additional, weight };
}

/** Two versions of one alias act in the same role, and their failed events go to the same place. */
function checkAlike(main: RunnableRecord, additional: RunnableRecord): void {
  if (main.settings.role !== additional.settings.role) {
    throw invalid('The versions of an alias must have the same execution role.');
  }
  if (main.settings.deadLetterTarget !== additional.settings.deadLetterTarget) {
    throw invalid('The versions of an alias must have the same dead-letter queue configuration.');
  }
}

function invalid(message: string): ApiError {
  return new ApiError('InvalidParameterValueException', message);
}
