import type { ListCapacityProvidersRequest, ListCapacityProvidersResponse } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_ListCapacityProviders.html */
export const listCapacityProviders: Handler<ListCapacityProvidersRequest, ListCapacityProvidersResponse> = (
  input,
  { functions, identity },
) => {
  const page = functions.capacityProviders.list(identity, input);
  return { CapacityProviders: page.items, NextMarker: page.nextMarker };
};
