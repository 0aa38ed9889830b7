import type { AliasConfiguration, UpdateAliasRequest } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_UpdateAlias.html */
export const updateAlias: Handler<UpdateAliasRequest, AliasConfiguration> = (input, { functions, identity }) =>
  functions.aliases.update(identity, input);
