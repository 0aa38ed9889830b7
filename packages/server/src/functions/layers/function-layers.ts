import { ApiError, MAX_UNZIPPED_BYTES } from '@hearth/protocol';
import type { Caller } from '../caller.ts';
import { LIMITS } from '../limits.ts';
import { layerArn, layerVersionArn, parseLayerVersionArn } from './layer-name.ts';
import type { LayerRef, LayerVersionRecord } from './layer-record.ts';
import type { Layers } from './layers.ts';

/**
 * The layers that a function is to have, in the order of the request.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/adding-layers.html
 *
 * @param arns of layer versions.
 * @throws ApiError InvalidParameterValueException for too many, two versions of one layer, another region's and what isn't
 * there; AccessDeniedException for another account's that doesn't allow it.
 */
export function layersOf(layers: Layers, caller: Caller, arns: readonly string[]): LayerRef[] {
  if (arns.length > LIMITS.layers) throw invalid(`Cannot reference more than ${LIMITS.layers} layers.`);
  const seen = new Map<string, string>();
  return arns.map((arn) => {
    const id = parseLayerVersionArn(arn);
    if (id.region !== caller.region) {
      throw invalid(
        `Layers are not in the same region as the function. Layers are expected to be in region ${caller.region}.`,
      );
    }
    const other = seen.get(layerArn(id));
    if (other !== undefined) {
      throw invalid(
        'Two different versions of the same layer are not allowed to be referenced in the same function. ' +
          `${other} and ${arn} are versions of the same layer.`,
      );
    }
    seen.set(layerArn(id), arn);
    const record = layers.find(caller, id);
    if (record === undefined) throw invalid(`Layer version ${arn} does not exist.`);
    return refTo(record);
  });
}

/**
 * Holds a function's code and layers against AWS's limit for them together.
 *
 * @param code bytes of the function's own files, unzipped.
 * @throws ApiError InvalidParameterValueException
 */
export function checkCombinedSize(code: number, layers: readonly LayerRef[]): void {
  const size = layers.reduce((sum, { unzippedSize }) => sum + unzippedSize, code);
  if (size <= MAX_UNZIPPED_BYTES) return;
  throw invalid(
    `Function code combined with layers exceeds the maximum allowed size of ${MAX_UNZIPPED_BYTES} bytes. ` +
      `The actual size is ${size} bytes.`,
  );
}

function refTo(record: LayerVersionRecord): LayerRef {
  return { ...record.code, arn: layerVersionArn(record), unzippedSize: record.unzippedSize };
}

function invalid(message: string): ApiError {
  return new ApiError('InvalidParameterValueException', message);
}
