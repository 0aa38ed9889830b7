import { hash } from 'node:crypto';
import type { FunctionConfiguration, LastUpdateStatusReasonCode, StateReasonCode } from '@aws-sdk/client-lambda';
import type { FunctionSpec } from '@hearth/protocol';
import { showCapacityProvider } from './capacity-providers/setting.ts';
import { versionName } from './function-record.ts';
import type { FunctionRecord, RunnableRecord, VersionRecord } from './function-record.ts';
import { functionArn, partition, qualifiedArn } from './function-name.ts';
import { loggingConfig } from './logging.ts';

/** The moment of a function's life that an answer shows. */
export type Phase = 'creating' | 'not-created' | 'updating' | 'not-updated' | 'settled';

const BEING_CREATED = { reason: 'The function is being created.', code: 'Creating' } as const;

/**
 * A function or a version of it as AWS shows it.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html, and for the states
 * https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
 *
 * @param qualifier that the ARN ends in: the one of the request, as on AWS, if it had one.
 * @param reason of a phase that isn't settled.
 * @param code of a phase that has failed.
 */
export function configuration(
  record: FunctionRecord | VersionRecord,
  phase: Phase,
  qualifier: string | undefined,
  reason: string = BEING_CREATED.reason,
  code = 'InternalError',
): FunctionConfiguration {
  return {
    ...listedConfiguration(record, qualifier),
    ...stateOf(phase, reason, code),
    RuntimeVersionConfig: { RuntimeVersionArn: runtimeVersionArn(record) },
  };
}

function stateOf(phase: Phase, reason: string, code: string): Partial<FunctionConfiguration> {
  switch (phase) {
    case 'creating':
      return { State: 'Pending', StateReason: reason, StateReasonCode: BEING_CREATED.code };
    case 'not-created':
      return { State: 'Failed', StateReason: reason, StateReasonCode: code as StateReasonCode };
    case 'updating':
      return {
        State: 'Active',
        LastUpdateStatus: 'InProgress',
        LastUpdateStatusReason: reason,
        // AWS answers this code here, though its model doesn't list it.
        LastUpdateStatusReasonCode: BEING_CREATED.code as unknown as LastUpdateStatusReasonCode,
      };
    case 'not-updated':
      return {
        State: 'Active',
        LastUpdateStatus: 'Failed',
        LastUpdateStatusReason: reason,
        LastUpdateStatusReasonCode: code as LastUpdateStatusReasonCode,
      };
    case 'settled':
      return { State: 'Active', LastUpdateStatus: 'Successful' };
    default:
      throw new Error(`no such phase: ${String(phase)}`);
  }
}

/** The part of a function that lists show: all but its state. */
export function listedConfiguration(
  record: FunctionRecord | VersionRecord,
  qualifier: string | undefined,
): FunctionConfiguration {
  const { settings } = record;
  return {
    FunctionName: record.name,
    FunctionArn: qualifiedArn(record, qualifier),
    Runtime: settings.runtime,
    Role: settings.role,
    Handler: settings.handler,
    CodeSize: record.code.size,
    Description: 'version' in record ? record.description : settings.description,
    Timeout: settings.timeout,
    MemorySize: settings.memorySize,
    LastModified: new Date(record.lastModified).toISOString().replace('Z', '+0000'),
    CodeSha256: Buffer.from(record.code.sha256, 'hex').toString('base64'),
    Version: versionName(record),
    ...(Object.keys(settings.environment).length > 0 ? { Environment: { Variables: settings.environment } } : {}),
    ...(settings.deadLetterTarget === undefined ? {} : { DeadLetterConfig: { TargetArn: settings.deadLetterTarget } }),
    TracingConfig: { Mode: settings.tracing },
    RevisionId: record.revisionId,
    PackageType: 'Zip',
    Architectures: [record.architecture],
    EphemeralStorage: { Size: settings.ephemeralStorage },
    SnapStart: { ApplyOn: settings.snapStart, OptimizationStatus: 'Off' },
    LoggingConfig: loggingConfig(settings.logGroup, settings.jsonLogs),
    ...(settings.capacityProvider === undefined
      ? {}
      : { CapacityProviderConfig: showCapacityProvider(settings.capacityProvider) }),
    ...(settings.tenancy === undefined ? {} : { TenancyConfig: { TenantIsolationMode: settings.tenancy } }),
    ...(settings.layers === undefined
      ? {}
      : { Layers: settings.layers.map(({ arn: Arn, size: CodeSize }) => ({ Arn, CodeSize })) }),
  };
}

/** What running `$LATEST` of a function, or a version of it, takes. */
export function functionSpec(record: FunctionRecord | VersionRecord): FunctionSpec {
  const { account, region, name, settings } = record;
  const version = versionName(record);
  const edition = 'version' in record ? record.uid : `${record.uid}.${record.revision}`;
  return {
    key: `${account}/${region}/${name}/${version}/${edition}`,
    account,
    region,
    functionName: name,
    version,
    functionArn: functionArn(record),
    runtime: settings.runtime,
    architecture: record.architecture,
    handler: settings.handler,
    role: settings.role,
    memoryMb: settings.memorySize,
    timeoutMs: settings.timeout * 1000,
    ephemeralStorageMb: settings.ephemeralStorage,
    environment: settings.environment,
    code: record.code,
    ...(settings.layers === undefined ? {} : { layers: settings.layers.map(({ sha256, size }) => ({ sha256, size })) }),
    logGroup: settings.logGroup,
    runtimeVersionArn: runtimeVersionArn(record),
    ...(settings.jsonLogs === undefined ? {} : { jsonLogs: settings.jsonLogs }),
    ...(settings.tracing === 'Active' ? { tracing: settings.tracing } : {}),
    ...(settings.tenancy === undefined ? {} : { tenancy: settings.tenancy }),
    ...(settings.capacityProvider === undefined ? {} : { capacityProvider: settings.capacityProvider.arn }),
  };
}

/** An ARN of the documented form, the same for the same runtime. Real ones name a build of AWS's. */
function runtimeVersionArn({ region, settings }: RunnableRecord): string {
  return `arn:${partition(region)}:lambda:${region}::runtime:${hash('sha256', settings.runtime)}`;
}
