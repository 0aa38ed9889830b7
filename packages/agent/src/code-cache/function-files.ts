import { PackageError, type Packages } from '@hearth/protocol';
import type { CodeCache } from './cache.ts';

/** Directories of the cache that a function's sandbox has mounted; held until they are disposed of. */
export interface FunctionFiles extends Disposable {
  readonly code: string;
  /** All its layers merged; undefined where it has none. */
  readonly layers: string | undefined;
}

/** Whether `holdFiles` would answer without asking the server. */
export function hasFiles(cache: CodeCache, { code, layers }: Packages): boolean {
  return cache.has(code.sha256) && (layers === undefined || cache.hasLayers(layers));
}

/**
 * Code and layers, which come at the same time where they are not there.
 *
 * @throws as the cache does; nothing is held then.
 */
export async function holdFiles(cache: CodeCache, { account, code, layers }: Packages): Promise<FunctionFiles> {
  const releaseCode = (): void => cache.release(code.sha256);
  if (layers === undefined) {
    return { code: await cache.get(account, code), layers: undefined, [Symbol.dispose]: releaseCode };
  }
  const [ofCode, ofLayers] = await Promise.allSettled([cache.get(account, code), cache.getLayers(account, layers)]);
  if (ofCode.status === 'fulfilled' && ofLayers.status === 'fulfilled') {
    return {
      code: ofCode.value,
      layers: ofLayers.value,
      [Symbol.dispose]() {
        releaseCode();
        cache.releaseLayers(layers);
      },
    };
  }
  if (ofCode.status === 'fulfilled') releaseCode();
  if (ofLayers.status === 'fulfilled') cache.releaseLayers(layers);
  throw ofCode.status === 'rejected' ? ofCode.reason : inLayer((ofLayers as PromiseRejectedResult).reason);
}

/** Whoever reads it should not look for the fault in the function's own package. */
function inLayer(error: unknown): unknown {
  return error instanceof PackageError ? new PackageError(`in a layer: ${error.message}`, { cause: error }) : error;
}
