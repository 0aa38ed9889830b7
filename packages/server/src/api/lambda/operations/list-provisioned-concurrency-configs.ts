import type {
  ListProvisionedConcurrencyConfigsRequest,
  ListProvisionedConcurrencyConfigsResponse,
} from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_ListProvisionedConcurrencyConfigs.html */
export const listProvisionedConcurrencyConfigs: Handler<
  ListProvisionedConcurrencyConfigsRequest,
  ListProvisionedConcurrencyConfigsResponse
> = ({ FunctionName: name = '', Marker: marker, MaxItems: maxItems }, { functions, identity }) => {
  const page = functions.provisioned.list(identity, name, { marker, maxItems });
  return { ProvisionedConcurrencyConfigs: page.items, NextMarker: page.nextMarker };
};
