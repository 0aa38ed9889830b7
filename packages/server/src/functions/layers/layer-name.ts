import { ApiError } from '@hearth/protocol';
import type { Caller } from '../caller.ts';
import { partition } from '../function-name.ts';
import type { LayerId, LayerVersionId } from './layer-record.ts';

const FORM =
  /^arn:aws[a-zA-Z-]*:lambda:(?<region>[a-z0-9-]+):(?<account>\d{12}):layer:(?<name>[a-zA-Z0-9-_]+)(?::(?<version>\d+))?$/;

export function layerArn({ account, region, name }: LayerId): string {
  return `arn:${partition(region)}:lambda:${region}:${account}:layer:${name}`;
}

export function layerVersionArn(id: LayerVersionId): string {
  return `${layerArn(id)}:${id.version}`;
}

/**
 * The layer that a request from `caller` means: by name its own one, by ARN any.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/api/API_GetLayerVersion.html ("LayerName").
 */
export function locateLayer(caller: Caller, text: string): LayerId {
  const groups = FORM.exec(text)?.groups;
  if (groups === undefined) return { account: caller.account, region: caller.region, name: text };
  return { account: groups['account']!, region: groups['region']!, name: groups['name']! };
}

/** @throws ApiError InvalidParameterValueException for what isn't the ARN of a layer version. */
export function parseLayerVersionArn(arn: string): LayerVersionId {
  const { account, region, name, version } = FORM.exec(arn)?.groups ?? {};
  if (account === undefined || region === undefined || name === undefined || version === undefined) {
    throw new ApiError('InvalidParameterValueException', `${arn} is not the ARN of a layer version.`);
  }
  return { account, region, name, version: Number(version) };
}
