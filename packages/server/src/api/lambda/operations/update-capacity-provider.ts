import type { UpdateCapacityProviderRequest, UpdateCapacityProviderResponse } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_UpdateCapacityProvider.html */
export const updateCapacityProvider: Handler<UpdateCapacityProviderRequest, UpdateCapacityProviderResponse> = async (
  input,
  { functions, identity },
) => ({
  CapacityProvider: await functions.capacityProviders.update(identity, input),
});
