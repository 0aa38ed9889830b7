import type { DeleteProvisionedConcurrencyConfigRequest } from '@aws-sdk/client-lambda';
import type { Handler } from './operation.ts';

/** https://docs.aws.amazon.com/lambda/latest/api/API_DeleteProvisionedConcurrencyConfig.html */
export const deleteProvisionedConcurrencyConfig: Handler<DeleteProvisionedConcurrencyConfigRequest, object> = async (
  { FunctionName: name = '', Qualifier: qualifier },
  { functions, identity },
) => {
  await functions.provisioned.delete(identity, name, qualifier);
  return {};
};
