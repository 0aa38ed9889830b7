import type { DeleteAliasRequest } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_DeleteAlias.html */
export const deleteAlias: Handler<DeleteAliasRequest, object> = async (
  { FunctionName: name = '', Name: alias = '' },
  { functions, identity },
) => {
  await functions.aliases.delete(identity, name, alias);
  return {};
};
