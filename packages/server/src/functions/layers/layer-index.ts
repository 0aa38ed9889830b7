import type { LayerId, LayerVersionId, LayerVersionRecord } from './layer-record.ts';
import type { LayerRecord } from './ports.ts';

interface Layer {
  readonly name: string;
  readonly versions: Map<number, LayerVersionRecord>;
  /** Of all that were ever published. */
  lastVersion: number;
}

/** All layers in memory. */
export class LayerIndex {
  /** By account and region, then by name. */
  readonly #tenants = new Map<string, Map<string, Layer>>();

  /** Takes a number that no version of this layer had before. */
  takeVersion(id: LayerId): number {
    return (this.#layer(id).lastVersion += 1);
  }

  /** What is known of a layer since before this start. */
  restore(record: LayerRecord): void {
    this.#layer(record).lastVersion = record.lastVersion;
  }

  set(record: LayerVersionRecord): void {
    this.#layer(record).versions.set(record.version, record);
  }

  delete(id: LayerVersionId): void {
    this.#find(id)?.versions.delete(id.version);
  }

  get(id: LayerVersionId): LayerVersionRecord | undefined {
    return this.#find(id)?.versions.get(id.version);
  }

  /** A layer's versions, the newest first. */
  versions(id: LayerId): LayerVersionRecord[] {
    return [...(this.#find(id)?.versions.values() ?? [])].sort((a, b) => b.version - a.version);
  }

  /** The versions of each layer of an account in a region that has any, by name, the newest first. */
  layers(account: string, region: string): LayerVersionRecord[][] {
    const layers = [...(this.#tenants.get(`${account}/${region}`)?.values() ?? [])];
    return layers
      .filter(({ versions }) => versions.size > 0)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ name }) => this.versions({ account, region, name }));
  }

  hasAny(account: string): boolean {
    for (const [key, layers] of this.#tenants) {
      if (!key.startsWith(`${account}/`)) continue;
      for (const { versions } of layers.values()) if (versions.size > 0) return true;
    }
    return false;
  }

  /** Bytes of the archives of an account's layers in a region. */
  codeBytes(account: string, region: string): number {
    let sum = 0;
    for (const { versions } of this.#tenants.get(`${account}/${region}`)?.values() ?? []) {
      for (const { code } of versions.values()) sum += code.size;
    }
    return sum;
  }

  #find({ account, region, name }: LayerId): Layer | undefined {
    return this.#tenants.get(`${account}/${region}`)?.get(name);
  }

  #layer(id: LayerId): Layer {
    const key = `${id.account}/${id.region}`;
    const tenant = this.#tenants.get(key) ?? new Map<string, Layer>();
    this.#tenants.set(key, tenant);
    const layer = tenant.get(id.name) ?? { name: id.name, versions: new Map(), lastVersion: 0 };
    tenant.set(id.name, layer);
    return layer;
  }
}
