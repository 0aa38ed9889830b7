import type { CapacityProviderConfig } from '@aws-sdk/client-lambda';
import { unsupported } from '../unsupported.ts';
import type { CapacityProviderSetting } from '../function-record.ts';

/**
 * What a function's CapacityProviderConfig says.
 *
 * @throws ApiError InvalidParameterValueException for what would be ignored: here processors go with memory, as for all functions.
 */
export function readCapacityProvider(config: CapacityProviderConfig): CapacityProviderSetting {
  const { CapacityProviderArn, PerExecutionEnvironmentMaxConcurrency, ExecutionEnvironmentMemoryGiBPerVCpu } =
    config.LambdaManagedInstancesCapacityProviderConfig ?? {};
  if (ExecutionEnvironmentMemoryGiBPerVCpu !== undefined) throw unsupported('ExecutionEnvironmentMemoryGiBPerVCpu');
  return {
    arn: CapacityProviderArn ?? '',
    ...(PerExecutionEnvironmentMaxConcurrency === undefined
      ? {}
      : { perSandboxConcurrency: PerExecutionEnvironmentMaxConcurrency }),
  };
}

/** As AWS shows it. */
export function showCapacityProvider({ arn, perSandboxConcurrency }: CapacityProviderSetting): CapacityProviderConfig {
  return {
    LambdaManagedInstancesCapacityProviderConfig: {
      CapacityProviderArn: arn,
      ...(perSandboxConcurrency === undefined ? {} : { PerExecutionEnvironmentMaxConcurrency: perSandboxConcurrency }),
    },
  };
}
