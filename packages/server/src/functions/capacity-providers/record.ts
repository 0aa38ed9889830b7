import type { CapacityProvider } from '@aws-sdk/client-lambda';
import { partition } from '../function-name.ts';

/** There is one per account, region and name. */
export interface CapacityProviderId {
  readonly account: string;
  readonly region: string;
  readonly name: string;
}

/** A capacity provider as it is stored. JSON. */
export interface CapacityProviderRecord extends CapacityProviderId {
  /** Names that are kept and shown: Hearth has no such networks. */
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];
  /** ARN of the role in which AWS makes instances; kept and shown. */
  readonly operatorRole: string;
  readonly architectures?: readonly ('x86_64' | 'arm64')[];
  /** Processors of all its instances together. */
  readonly maxVCpuCount: number;
  readonly tags: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch. */
  readonly lastModified: number;
}

export function capacityProviderArn({ account, region, name }: CapacityProviderId): string {
  return `arn:${partition(region)}:lambda:${region}:${account}:capacity-provider:${name}`;
}

/** As AWS shows it. */
export function describe(
  record: CapacityProviderRecord,
  state: NonNullable<CapacityProvider['State']>,
): CapacityProvider {
  const { subnetIds, securityGroupIds, operatorRole, architectures, maxVCpuCount, lastModified } = record;
  return {
    CapacityProviderArn: capacityProviderArn(record),
    State: state,
    VpcConfig: { SubnetIds: [...subnetIds], SecurityGroupIds: [...securityGroupIds] },
    PermissionsConfig: { CapacityProviderOperatorRoleArn: operatorRole },
    ...(architectures === undefined ? {} : { InstanceRequirements: { Architectures: [...architectures] } }),
    CapacityProviderScalingConfig: { MaxVCpuCount: maxVCpuCount, ScalingMode: 'Auto' },
    LastModified: new Date(lastModified).toISOString().replace(/\.\d+Z$/, '+0000'),
  };
}
