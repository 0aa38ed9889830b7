import type { GetCapacityProviderRequest, GetCapacityProviderResponse } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_GetCapacityProvider.html */
export const getCapacityProvider: Handler<GetCapacityProviderRequest, GetCapacityProviderResponse> = (
  { CapacityProviderName: name = '' },
  { functions, identity },
) => ({ CapacityProvider: functions.capacityProviders.get(identity, name) });
