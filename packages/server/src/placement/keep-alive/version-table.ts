import { OF_TENANT } from './policy.ts';

/** Of how many function versions a policy remembers something. What of them was used least recently is forgotten first. */
const MAX_VERSIONS = 20_000;

/** What a policy remembers, by function version: bounded, whatever is made and never deleted. */
export class VersionTable<T> {
  readonly #versions = new Map<string, T>();
  readonly #make: () => T;
  readonly #max: number;

  constructor(make: () => T, max = MAX_VERSIONS) {
    this.#make = make;
    this.#max = max;
  }

  get size(): number {
    return this.#versions.size;
  }

  of(version: string): T {
    const found = this.#versions.get(version) ?? this.#make();
    this.#versions.delete(version);
    this.#versions.set(version, found);
    if (this.#versions.size > this.#max) this.#versions.delete(this.#versions.keys().next().value!);
    return found;
  }

  /** A look at all, when a version is deleted. */
  forget(version: string): void {
    const tenants = version + OF_TENANT;
    this.#versions.delete(version);
    for (const each of this.#versions.keys()) if (each.startsWith(tenants)) this.#versions.delete(each);
  }
}
