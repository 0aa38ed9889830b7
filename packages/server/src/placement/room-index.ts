/** Something with free memory that is looked up by how much it has. The two fields are the index's own. */
export interface Roomy {
  /** MB that can be committed now; 0 when it takes no more sandboxes. */
  readonly roomMb: number;
  roomBucket: number;
  roomPosition: number;
}

/** Fine enough that an instance is not passed over for long, coarse enough that a busy one rarely moves. */
const BUCKET_MB = 64;
/** Members looked at in the bucket where some fit and some don't. */
const PROBES = 4;

/**
 * Finds the fullest instance that still has room, in time that does not grow with their number: instances lie in
 * buckets by free memory, and a bit for each bucket says whether it holds any. The fullest, so that instances empty
 * out and can be given back.
 */
export class RoomIndex<T extends Roomy> {
  readonly #buckets: T[][] = [];
  #occupied = new Uint32Array(8);

  add(member: T): void {
    this.#insert(member, Math.floor(member.roomMb / BUCKET_MB));
  }

  remove(member: T): void {
    if (member.roomBucket < 0) return;
    this.#take(member);
  }

  /** To be called when the room of a member has changed. */
  update(member: T): void {
    const bucket = Math.floor(member.roomMb / BUCKET_MB);
    if (bucket === member.roomBucket || member.roomBucket < 0) return;
    this.#take(member);
    this.#insert(member, bucket);
  }

  /** One with at least this room, or undefined. */
  find(neededMb: number): T | undefined {
    const bucket = Math.floor(neededMb / BUCKET_MB);
    const partly = this.#buckets[bucket];
    if (partly !== undefined) {
      for (let index = partly.length - 1; index >= 0 && index >= partly.length - PROBES; index--) {
        if (partly[index]!.roomMb >= neededMb) return partly[index];
      }
    }
    return this.#buckets[this.#nextOccupied(bucket + 1)]?.at(-1);
  }

  #nextOccupied(from: number): number {
    let word = from >>> 5;
    if (word >= this.#occupied.length) return -1;
    let bits = this.#occupied[word]! & (-1 << (from & 31));
    while (bits === 0) {
      if (++word === this.#occupied.length) return -1;
      bits = this.#occupied[word]!;
    }
    return (word << 5) + (31 - Math.clz32(bits & -bits));
  }

  #insert(member: T, bucket: number): void {
    const members = (this.#buckets[bucket] ??= []);
    member.roomBucket = bucket;
    member.roomPosition = members.push(member) - 1;
    if (bucket >>> 5 >= this.#occupied.length) {
      const larger = new Uint32Array((bucket >>> 5) * 2);
      larger.set(this.#occupied);
      this.#occupied = larger;
    }
    this.#occupied[bucket >>> 5]! |= 1 << (bucket & 31);
  }

  #take(member: T): void {
    const bucket = member.roomBucket;
    const members = this.#buckets[bucket]!;
    const last = members.pop()!;
    if (last !== member) {
      members[member.roomPosition] = last;
      last.roomPosition = member.roomPosition;
    }
    if (members.length === 0) this.#occupied[bucket >>> 5]! &= ~(1 << (bucket & 31));
    member.roomBucket = -1;
  }
}
