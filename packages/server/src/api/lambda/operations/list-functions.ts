import type { ListFunctionsRequest, ListFunctionsResponse } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html */
export const listFunctions: Handler<ListFunctionsRequest, ListFunctionsResponse> = (
  { Marker: marker, MaxItems: maxItems, FunctionVersion: version },
  { functions, identity },
) => {
  const page = functions.list(identity, { marker, maxItems, versions: version === 'ALL' });
  return { Functions: page.items, NextMarker: page.nextMarker };
};
