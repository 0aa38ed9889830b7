import type { ListAliasesRequest, ListAliasesResponse } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_ListAliases.html */
export const listAliases: Handler<ListAliasesRequest, ListAliasesResponse> = (
  { FunctionName: name = '', FunctionVersion: version, Marker: marker, MaxItems: maxItems },
  { functions, identity },
) => {
  const page = functions.aliases.list(identity, name, { version, marker, maxItems });
  return { Aliases: page.items, NextMarker: page.nextMarker };
};
