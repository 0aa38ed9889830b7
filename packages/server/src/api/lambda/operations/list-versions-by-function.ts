import type { ListVersionsByFunctionRequest, ListVersionsByFunctionResponse } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_ListVersionsByFunction.html */
export const listVersionsByFunction: Handler<ListVersionsByFunctionRequest, ListVersionsByFunctionResponse> = (
  { FunctionName: name = '', Marker: marker, MaxItems: maxItems },
  { functions, identity },
) => {
  const page = functions.versions.list(identity, name, { marker, maxItems });
  return { Versions: page.items, NextMarker: page.nextMarker };
};
