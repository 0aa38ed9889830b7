import type { AliasConfiguration, GetAliasRequest } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_GetAlias.html */
export const getAlias: Handler<GetAliasRequest, AliasConfiguration> = (
  { FunctionName: name = '', Name: alias = '' },
  { functions, identity },
) => functions.aliases.get(identity, name, alias);
