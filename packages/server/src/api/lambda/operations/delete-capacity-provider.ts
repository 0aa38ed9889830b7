import type { DeleteCapacityProviderRequest, DeleteCapacityProviderResponse } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_DeleteCapacityProvider.html */
export const deleteCapacityProvider: Handler<DeleteCapacityProviderRequest, DeleteCapacityProviderResponse> = async (
  { CapacityProviderName: name = '' },
  { functions, identity },
) => ({ CapacityProvider: await functions.capacityProviders.delete(identity, name) });
