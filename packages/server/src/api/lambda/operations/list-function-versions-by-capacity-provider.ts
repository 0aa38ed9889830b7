import type {
  ListFunctionVersionsByCapacityProviderRequest,
  ListFunctionVersionsByCapacityProviderResponse,
} from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctionVersionsByCapacityProvider.html */
export const listFunctionVersionsByCapacityProvider: Handler<
  ListFunctionVersionsByCapacityProviderRequest,
  ListFunctionVersionsByCapacityProviderResponse
> = ({ CapacityProviderName: name = '', Marker: marker, MaxItems: maxItems }, { functions, identity }) => {
  const { arn, page } = functions.capacityProviders.versions(identity, name, { marker, maxItems });
  return { CapacityProviderArn: arn, FunctionVersions: page.items, NextMarker: page.nextMarker };
};
