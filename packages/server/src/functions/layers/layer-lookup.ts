import { ApiError } from '@hearth/protocol';
import type { Caller } from '../caller.ts';
import { partition } from '../function-name.ts';
import type { LayerIndex } from './layer-index.ts';
import { layerArn, layerVersionArn, locateLayer } from './layer-name.ts';
import { mayUse } from './layer-policy.ts';
import type { LayerId, LayerVersionId, LayerVersionRecord } from './layer-record.ts';

/** Finds what a request means, and lets nobody see or change what is not theirs. All methods throw ApiError as AWS answers. */
export class LayerLookup {
  readonly #index: LayerIndex;

  constructor(index: LayerIndex) {
    this.#index = index;
  }

  /** A version that a function of the caller's is to use; undefined where there is none. @throws where it may not. */
  find(caller: Caller, id: LayerVersionId): LayerVersionRecord | undefined {
    const record = this.#index.get(id);
    if (id.account !== caller.account && (record === undefined || !mayUse(record, caller.account))) {
      throw notAllowed(caller, layerVersionArn(id), 'GetLayerVersion');
    }
    return record;
  }

  usable(caller: Caller, id: LayerVersionId): LayerVersionRecord {
    const record = id.region === caller.region ? this.find(caller, id) : undefined;
    if (record === undefined) {
      throw new ApiError('ResourceNotFoundException', 'The resource you requested does not exist.');
    }
    return record;
  }

  /** @throws where a name in a request is that of another account's layer, or of another region's. */
  own(caller: Caller, name: string | undefined, action: string, version?: number): LayerId {
    const id = locateLayer(caller, name ?? '');
    if (id.account !== caller.account) {
      const resource = version === undefined ? layerArn(id) : layerVersionArn({ ...id, version });
      throw notAllowed(caller, resource, action);
    }
    if (id.region !== caller.region) {
      throw new ApiError(
        'ResourceNotFoundException',
        `Layers from '${id.region}' are not reachable in this region ('${caller.region}')`,
      );
    }
    return id;
  }

  ownVersion(caller: Caller, name: string | undefined, version: number, action: string): LayerVersionRecord {
    const id = { ...this.own(caller, name, action, version), version };
    const record = this.#index.get(id);
    if (record === undefined) {
      throw new ApiError('ResourceNotFoundException', `Layer version ${layerVersionArn(id)} does not exist.`);
    }
    return record;
  }
}

function notAllowed({ account, region }: Caller, resource: string, action: string): ApiError {
  return new ApiError(
    'AccessDeniedException',
    `User: arn:${partition(region)}:iam::${account}:root is not authorized to perform: lambda:${action} on resource: ` +
      `${resource} because no resource-based policy allows the lambda:${action} action`,
  );
}
