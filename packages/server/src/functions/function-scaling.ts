import type { EventEmitter } from 'node:events';
import type {
  FunctionScalingConfig,
  GetFunctionScalingConfigResponse,
  PutFunctionScalingConfigRequest,
} from '@aws-sdk/client-lambda';
import { ApiError } from '@hearth/protocol';
import type { FunctionSpec } from '@hearth/protocol';
import type { Caller } from './caller.ts';
import { qualifiedArn } from './function-name.ts';
import type { FunctionRecord, ScalingRecord } from './function-record.ts';
import type { Found, FunctionsEvents, Registry } from './registry.ts';

/** How many sandboxes a version has. */
export interface Scaling {
  /** Kept initialised. */
  readonly min: number;
  /** `Infinity` where there is no limit. */
  readonly max: number;
}

const NONE: Scaling = { min: 0, max: Infinity };

/**
 * How many sandboxes a version that runs on a capacity provider keeps, and how many it may have.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionScalingConfig.html
 */
export class FunctionScaling {
  readonly #registry: Registry;
  readonly #events: EventEmitter<FunctionsEvents>;

  constructor(registry: Registry, events: EventEmitter<FunctionsEvents>) {
    this.#registry = registry;
    this.#events = events;
  }

  /** All versions that have one. */
  *all(): Iterable<{ spec: FunctionSpec; scaling: Scaling }> {
    for (const { record, versions } of this.#registry.index.all()) {
      for (const one of record.scaling ?? []) {
        const spec = versions.get(one.version)?.spec;
        if (spec !== undefined) yield { spec, scaling: scalingOf(one) };
      }
    }
  }

  /** Replaces what the version had; without any bounds it has none. */
  async put(caller: Caller, request: PutFunctionScalingConfigRequest): Promise<void> {
    const { FunctionName: name = '', Qualifier: qualifier, FunctionScalingConfig: config = {} } = request;
    const find = (): Found => this.#registry.find(caller, name, qualifier, 'PutFunctionScalingConfig');
    await this.#registry.inTurn(
      () => find().entry,
      async () => {
        const { entry, version } = find();
        const { record, spec } = version!;
        if (record.settings.capacityProvider === undefined) {
          throw invalid('A scaling configuration is for functions with a CapacityProviderConfig.');
        }
        const { MinExecutionEnvironments: min, MaxExecutionEnvironments: max } = config;
        if (min !== undefined && max !== undefined && min > max) {
          throw invalid('MinExecutionEnvironments must not be greater than MaxExecutionEnvironments.');
        }
        const made: ScalingRecord = {
          version: record.version,
          ...(min === undefined ? {} : { min }),
          ...(max === undefined ? {} : { max }),
        };
        const isNone = min === undefined && max === undefined;
        await this.#registry.save(withScaling(entry.record, record.version, isNone ? undefined : made));
        this.#events.emit('scaled', spec, scalingOf(made));
      },
    );
  }

  get(caller: Caller, name: string, qualifier: string | undefined): GetFunctionScalingConfigResponse {
    const { entry, version } = this.#registry.find(caller, name, qualifier, 'GetFunctionScalingConfig');
    const found = entry.record.scaling?.find((one) => one.version === version?.record.version);
    const config: FunctionScalingConfig = {
      ...(found?.min === undefined ? {} : { MinExecutionEnvironments: found.min }),
      ...(found?.max === undefined ? {} : { MaxExecutionEnvironments: found.max }),
    };
    return {
      FunctionArn: qualifiedArn(entry.record, qualifier),
      AppliedFunctionScalingConfig: config,
      RequestedFunctionScalingConfig: config,
    };
  }
}

/** A function's record with another scaling configuration of one version, or with none. */
export function withScaling(
  { scaling: before = [], ...record }: FunctionRecord,
  version: number,
  by?: ScalingRecord,
): FunctionRecord {
  const others = before.filter((one) => one.version !== version);
  const scaling = by === undefined ? others : [...others, by];
  return scaling.length === 0 ? record : { ...record, scaling };
}

function scalingOf({ min = NONE.min, max = NONE.max }: ScalingRecord): Scaling {
  return { min, max };
}

function invalid(message: string): ApiError {
  return new ApiError('InvalidParameterValueException', message);
}
