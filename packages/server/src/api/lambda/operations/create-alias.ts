import type { AliasConfiguration, CreateAliasRequest } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html */
export const createAlias: Handler<CreateAliasRequest, AliasConfiguration> = (input, { functions, identity }) =>
  functions.aliases.create(identity, input);
