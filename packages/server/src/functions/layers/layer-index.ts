import type { Caller } from '../caller.ts';
import type { LayerId, LayerVersionId, LayerVersionRecord } from './layer-record.ts';
import type { LayerRecord } from './ports.ts';

interface Layer {
  readonly versions: Map<number, LayerVersionRecord>;
  /** All of them, the newest first; undefined when one has come or gone since they were put in order. */
  sorted: readonly LayerVersionRecord[] | undefined;
  /** Of all that were ever published. */
  lastVersion: number;
}

/** The layers of one account in one region. */
interface Tenant {
  readonly byName: Map<string, Layer>;
  /** Names in order; undefined when one has come since they were put in order. */
  sorted: readonly string[] | undefined;
  /** Of the archives of all versions. */
  codeBytes: number;
}

/** All layers in memory. A layer stays when its versions have gone: their numbers are taken. */
export class LayerIndex {
  readonly #tenants = new Map<string, Tenant>();

  /** Takes a number that no version of this layer had before. */
  takeVersion(id: LayerId): number {
    return (this.#layer(id).lastVersion += 1);
  }

  /** What is known of a layer since before this start. */
  restore(record: LayerRecord): void {
    this.#layer(record).lastVersion = record.lastVersion;
  }

  set(record: LayerVersionRecord): void {
    const layer = this.#layer(record);
    const old = layer.versions.get(record.version);
    layer.versions.set(record.version, record);
    layer.sorted = undefined;
    this.#tenant(record).codeBytes += record.code.size - (old?.code.size ?? 0);
  }

  delete(record: LayerVersionRecord): void {
    const layer = this.#layer(record);
    if (!layer.versions.delete(record.version)) return;
    layer.sorted = undefined;
    this.#tenant(record).codeBytes -= record.code.size;
  }

  get({ account, region, name, version }: LayerVersionId): LayerVersionRecord | undefined {
    return this.#tenants.get(`${account}/${region}`)?.byName.get(name)?.versions.get(version);
  }

  /** A layer's versions, the newest first. */
  versions({ account, region, name }: LayerId): readonly LayerVersionRecord[] {
    const layer = this.#tenants.get(`${account}/${region}`)?.byName.get(name);
    return layer === undefined ? [] : newestFirst(layer);
  }

  /** The versions, newest first, of each layer that has any, in the order of their names: those after `name`. */
  *after({ account, region }: Caller, name: string): Iterable<readonly LayerVersionRecord[]> {
    const tenant = this.#tenants.get(`${account}/${region}`);
    if (tenant === undefined) return;
    tenant.sorted ??= [...tenant.byName.keys()].sort();
    for (const each of tenant.sorted) {
      const layer = tenant.byName.get(each)!;
      if (each > name && layer.versions.size > 0) yield newestFirst(layer);
    }
  }

  /** Whether an account has a version, whose archive is never empty. */
  hasAny(account: string): boolean {
    for (const [key, { codeBytes }] of this.#tenants) if (codeBytes > 0 && key.startsWith(`${account}/`)) return true;
    return false;
  }

  /** Bytes of the archives of an account's layers in a region. */
  codeBytes({ account, region }: Caller): number {
    return this.#tenants.get(`${account}/${region}`)?.codeBytes ?? 0;
  }

  #layer(id: LayerId): Layer {
    const tenant = this.#tenant(id);
    let layer = tenant.byName.get(id.name);
    if (layer === undefined) {
      layer = { versions: new Map(), sorted: undefined, lastVersion: 0 };
      tenant.byName.set(id.name, layer);
      tenant.sorted = undefined;
    }
    return layer;
  }

  #tenant({ account, region }: Caller): Tenant {
    const key = `${account}/${region}`;
    let tenant = this.#tenants.get(key);
    if (tenant === undefined) this.#tenants.set(key, (tenant = { byName: new Map(), sorted: undefined, codeBytes: 0 }));
    return tenant;
  }
}

function newestFirst(layer: Layer): readonly LayerVersionRecord[] {
  return (layer.sorted ??= [...layer.versions.values()].sort((a, b) => b.version - a.version));
}
