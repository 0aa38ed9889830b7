import type { CreateCapacityProviderRequest, CreateCapacityProviderResponse } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_CreateCapacityProvider.html */
export const createCapacityProvider: Handler<CreateCapacityProviderRequest, CreateCapacityProviderResponse> = async (
  input,
  { functions, identity },
) => ({
  CapacityProvider: await functions.capacityProviders.create(identity, input),
});
