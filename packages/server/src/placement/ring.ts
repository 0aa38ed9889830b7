/** Points of each member: with so many the largest share of three members is about 1.3 times the smallest. */
const POINTS = 128;

interface Point {
  readonly at: number;
  readonly member: number;
}

/**
 * Consistent hashing (rows X7, N1): members have points on a ring, and a key belongs to the member whose point comes next. Where a member is added
 * or leaves only its own keys move.
 */
export class Ring {
  readonly #points: Point[];
  readonly #members: number;

  /**
   * @param members how many; they are numbers from 0.
   * @param arc where on the ring: other arcs of the same members divide keys otherwise.
   */
  constructor(members: number, arc: string) {
    this.#members = members;
    this.#points = Array.from({ length: members * POINTS }, (_, index) => {
      const member = index % members;
      return { at: hash(`${arc}/${member}/${Math.floor(index / members)}`), member };
    }).toSorted((a, b) => a.at - b.at);
  }

  /** All members, in the order in which they come after the key: the first owns it, the others stand in for it. */
  order(key: string): number[] {
    const members = new Set<number>();
    const points = this.#points;
    let next = this.#after(hash(key));
    while (members.size < this.#members) {
      members.add(points[next % points.length]!.member);
      next++;
    }
    return [...members];
  }

  /** The index of the first point behind this one. */
  #after(at: number): number {
    let low = 0;
    let high = this.#points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#points[middle]!.at <= at) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** 32 bits of FNV-1a, mixed once more because keys that differ in their last digit only must lie far apart. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
