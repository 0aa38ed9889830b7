/** A binary heap of numbers, each with a number of the caller's, that grows as needed: the least comes out first. */
export class Heap {
  #keys = new Float64Array(1024);
  #values = new Int32Array(1024);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The least key; Infinity where there is none. */
  get first(): number {
    return this.#size === 0 ? Infinity : this.#keys[0]!;
  }

  push(key: number, value: number): void {
    if (this.#size === this.#keys.length) this.#grow();
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#keys[parent]! <= key) break;
      this.#keys[at] = this.#keys[parent]!;
      this.#values[at] = this.#values[parent]!;
      at = parent;
    }
    this.#keys[at] = key;
    this.#values[at] = value;
  }

  /** Takes the least out and returns its value. Not to be called when it is empty. */
  pop(): number {
    const result = this.#values[0]!;
    const size = --this.#size;
    const key = this.#keys[size]!;
    const value = this.#values[size]!;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#keys[child + 1]! < this.#keys[child]!) child++;
      if (this.#keys[child]! >= key) break;
      this.#keys[at] = this.#keys[child]!;
      this.#values[at] = this.#values[child]!;
      at = child;
    }
    this.#keys[at] = key;
    this.#values[at] = value;
    return result;
  }

  #grow(): void {
    const keys = new Float64Array(2 * this.#keys.length);
    const values = new Int32Array(2 * this.#values.length);
    keys.set(this.#keys);
    values.set(this.#values);
    this.#keys = keys;
    this.#values = values;
  }
}
