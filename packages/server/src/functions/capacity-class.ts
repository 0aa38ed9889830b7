import { ApiError, CAPACITY_CLASSES } from '@hearth/protocol';
import type { CapacityClass, FunctionSpec } from '@hearth/protocol';

/** By version: what runs of it on capacity of one class. The same object each time. */
const known = new WeakMap<FunctionSpec, Map<CapacityClass, FunctionSpec>>();

/**
 * What an invocation runs that asks for a class of capacity (row P14): the version itself, with a key, and so with sandboxes, of its own.
 *
 * @throws ApiError InvalidParameterValueException where there is no such class.
 */
export function onCapacity(spec: FunctionSpec, wanted: string): FunctionSpec {
  const name = CAPACITY_CLASSES.find((one) => one === wanted);
  if (name === undefined) {
    throw new ApiError(
      'InvalidParameterValueException',
      `X-Hearth-Capacity-Class is one of ${CAPACITY_CLASSES.join(', ')}.`,
    );
  }
  let classes = known.get(spec);
  if (classes === undefined) known.set(spec, (classes = new Map()));
  let own = classes.get(name);
  if (own === undefined) {
    const of = spec.tenant?.of ?? spec.key;
    own = { ...spec, key: `${spec.key}/capacity/${name}`, capacityClass: { name, of } };
    classes.set(name, own);
  }
  return own;
}
