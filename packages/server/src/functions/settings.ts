import type { CreateFunctionRequest, UpdateFunctionConfigurationRequest } from '@aws-sdk/client-lambda';
import { ApiError, RUNTIMES } from '@hearth/protocol';
import type { RuntimeId } from '@hearth/protocol';
import { readCapacityProvider } from './capacity-providers/setting.ts';
import { checkEnvironment } from './environment.ts';
import type { FunctionSettings } from './function-record.ts';
import { LIMITS } from './limits.ts';
import { mergeLogging } from './logging.ts';
import type { LayerRef } from './layers/layer-record.ts';
import { checkNoTenancy, readTenancy } from './tenancy.ts';
import { refuseUnsupported } from './unsupported.ts';

/**
 * The settings of a new function, with AWS's defaults.
 *
 * Source of the defaults: https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
 *
 * @throws ApiError InvalidParameterValueException
 */
export function newSettings(
  name: string,
  request: CreateFunctionRequest,
  layers?: readonly LayerRef[],
): FunctionSettings {
  if (!request.Runtime || !request.Handler) {
    throw new ApiError(
      'InvalidParameterValueException',
      'Runtime and Handler are mandatory parameters for functions created with deployment packages.',
    );
  }
  const tenancy = readTenancy(request);
  return mergeSettings(
    {
      runtime: knownRuntime(request.Runtime),
      handler: request.Handler,
      role: request.Role ?? '',
      description: '',
      timeout: 3,
      memorySize: 128,
      environment: {},
      ephemeralStorage: 512,
      tracing: 'PassThrough',
      snapStart: 'None',
      logGroup: `/aws/lambda/${name}`,
      ...(tenancy === undefined ? {} : { tenancy }),
    },
    request,
    layers,
  );
}

/**
 * `settings` with what a request changes of them.
 *
 * @param layers what the request's Layers stand for; undefined where it has none and leaves them as they are.
 * @throws ApiError InvalidParameterValueException
 */
export function mergeSettings(
  settings: FunctionSettings,
  request: CreateFunctionRequest | UpdateFunctionConfigurationRequest,
  layers: readonly LayerRef[] | undefined = settings.layers,
): FunctionSettings {
  refuseUnsupported(request);
  if (request.MemorySize !== undefined) atMost('MemorySize', request.MemorySize, LIMITS.memorySize);
  if (request.Timeout !== undefined) atMost('Timeout', request.Timeout, LIMITS.timeout);
  if (request.SnapStart?.ApplyOn === 'PublishedVersions') checkNoTenancy(settings, 'SnapStart');
  if (request.CapacityProviderConfig !== undefined) checkNoTenancy(settings, 'CapacityProviderConfig');
  const { Size: size } = request.EphemeralStorage ?? {};
  if (size !== undefined) atMost('EphemeralStorage.Size', size, LIMITS.ephemeralStorage);
  const environment = request.Environment?.Variables;
  if (environment !== undefined) checkEnvironment(environment);
  const target =
    request.DeadLetterConfig === undefined ? settings.deadLetterTarget : request.DeadLetterConfig.TargetArn;
  const { deadLetterTarget: _, jsonLogs: before, layers: __, ...rest } = settings;
  const jsonLogs = mergeLogging(before, request.LoggingConfig);
  return {
    ...rest,
    ...(request.Runtime === undefined ? {} : { runtime: knownRuntime(request.Runtime) }),
    ...(request.Handler === undefined ? {} : { handler: request.Handler }),
    ...(request.Role === undefined ? {} : { role: request.Role }),
    ...(request.Description === undefined ? {} : { description: request.Description }),
    ...(request.Timeout === undefined ? {} : { timeout: request.Timeout }),
    ...(request.MemorySize === undefined ? {} : { memorySize: request.MemorySize }),
    // `Environment: {}` takes all variables away.
    ...(request.Environment === undefined ? {} : { environment: environment ?? {} }),
    ...(request.EphemeralStorage?.Size === undefined ? {} : { ephemeralStorage: request.EphemeralStorage.Size }),
    ...(request.TracingConfig?.Mode === undefined ? {} : { tracing: request.TracingConfig.Mode }),
    ...(request.CapacityProviderConfig === undefined
      ? {}
      : { capacityProvider: readCapacityProvider(request.CapacityProviderConfig) }),
    ...(request.SnapStart?.ApplyOn === undefined ? {} : { snapStart: request.SnapStart.ApplyOn }),
    ...(request.LoggingConfig?.LogGroup === undefined ? {} : { logGroup: request.LoggingConfig.LogGroup }),
    ...(jsonLogs === undefined ? {} : { jsonLogs }),
    ...(target === undefined || target === '' ? {} : { deadLetterTarget: target }),
    ...(layers === undefined || layers.length === 0 ? {} : { layers }),
  };
}

function knownRuntime(runtime: string): RuntimeId {
  const known = RUNTIMES.find((candidate) => candidate === runtime);
  if (known !== undefined) return known;
  throw new ApiError(
    'InvalidParameterValueException',
    `Value ${runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: ` +
      `[${RUNTIMES.join(', ')}] or be a valid ARN. Hint: these are the runtimes that Hearth runs so far.`,
  );
}

function atMost(member: string, value: number, max: number): void {
  if (value <= max) return;
  throw new ApiError(
    'InvalidParameterValueException',
    `'${member}' value failed to satisfy constraint: Member must have value less than or equal to ${max}`,
  );
}
