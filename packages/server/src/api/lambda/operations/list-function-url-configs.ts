import type { ListFunctionUrlConfigsRequest, ListFunctionUrlConfigsResponse } from '@aws-sdk/client-lambda';
import { functionUrlConfig } from './function-url-config.ts';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctionUrlConfigs.html */
export const listFunctionUrlConfigs: Handler<ListFunctionUrlConfigsRequest, ListFunctionUrlConfigsResponse> = (
  { FunctionName: name = '', Marker: marker, MaxItems: maxItems },
  { functions, identity, host },
) => {
  const { items, nextMarker } = functions.urls.list(identity, name, { marker, maxItems });
  return { FunctionUrlConfigs: items.map((url) => functionUrlConfig(host, url)), NextMarker: nextMarker };
};
