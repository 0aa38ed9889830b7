import type { CreateFunctionRequest, UpdateFunctionConfigurationRequest } from '@aws-sdk/client-lambda';
import { ApiError } from '@hearth/protocol';

type Request = Partial<CreateFunctionRequest & UpdateFunctionConfigurationRequest>;

/** What a request may ask for that would change how the function runs, and Hearth doesn't do yet. */
const ASKED: readonly (readonly [string, (request: Request) => boolean])[] = [
  ['PublishTo', (request) => request.PublishTo !== undefined],
  ['FileSystemConfigs', (request) => (request.FileSystemConfigs ?? []).length > 0],
  ['VpcConfig', ({ VpcConfig: vpc }) => (vpc?.SubnetIds ?? []).length > 0 || (vpc?.SecurityGroupIds ?? []).length > 0],
  ['PackageType Image', (request) => request.PackageType === 'Image'],
  ['ImageConfig', (request) => Object.values(request.ImageConfig ?? {}).some((value) => value !== undefined)],
  ['KMSKeyArn', (request) => (request.KMSKeyArn ?? '') !== ''],
  ['CodeSigningConfigArn', (request) => (request.CodeSigningConfigArn ?? '') !== ''],
  ['DurableConfig', (request) => request.DurableConfig !== undefined],
];

/**
 * Refuses what would be ignored otherwise: a function that runs without the layer or the encryption it was given is
 * worse than an error. Empty values, which deployment tools send as a matter of course, pass.
 *
 * @throws ApiError InvalidParameterValueException that names the parameter.
 */
export function refuseUnsupported(request: Request): void {
  for (const [name, asked] of ASKED) if (asked(request)) throw unsupported(name);
}

/** The error for one parameter. */
export function unsupported(what: string, instead = 'Leave it out.'): ApiError {
  return new ApiError('InvalidParameterValueException', `${what} is not supported by Hearth yet. ${instead}`);
}
