import type { Operation } from '../../model/schema.ts';

export interface Route {
  readonly operation: Operation;
  /** Decoded, by member. */
  readonly labels: ReadonlyMap<string, string>;
}

interface Node {
  readonly literals: Map<string, Node>;
  label: Node | undefined;
  /** By method. Where several share one, those that ask for more of the query come first. */
  readonly operations: Map<string, Operation[]>;
}

function newNode(): Node {
  return { literals: new Map(), label: undefined, operations: new Map() };
}

/** From method and path to the operation of one service. */
export class Router {
  readonly #root = newNode();

  constructor(operations: Iterable<Operation>) {
    for (const operation of operations) this.#add(operation);
  }

  /**
   * The operation that a method and path belong to, or undefined.
   *
   * @param path without the query. A slash at its end makes no difference: AWS's own SDKs of some languages send one.
   */
  route(method: string, path: string, query: URLSearchParams): Route | undefined {
    const raw = path.split('/').slice(1);
    if (raw.at(-1) === '') raw.pop();
    const values: string[] = [];
    let node = this.#root;
    for (const segment of raw) {
      const literal = node.literals.get(segment);
      if (literal !== undefined) {
        node = literal;
        continue;
      }
      const value = decode(segment);
      if (node.label === undefined || value === undefined || value === '') return undefined;
      values.push(value);
      node = node.label;
    }
    const operation = node.operations
      .get(method)
      ?.find(({ http }) => [...http!.query].every(([name, value]) => query.get(name) === value));
    if (operation === undefined) return undefined;
    const labels = new Map<string, string>();
    let next = 0;
    for (const segment of operation.http!.segments) {
      if (segment.startsWith('{')) labels.set(segment.slice(1, -1), values[next++]!);
    }
    return { operation, labels };
  }

  #add(operation: Operation): void {
    const { method, segments } = operation.http!;
    let node = this.#root;
    for (const segment of segments) {
      let next = segment.startsWith('{') ? node.label : node.literals.get(segment);
      if (next === undefined) {
        next = newNode();
        if (segment.startsWith('{')) node.label = next;
        else node.literals.set(segment, next);
      }
      node = next;
    }
    const same = node.operations.get(method) ?? [];
    same.push(operation);
    same.sort((a, b) => b.http!.query.size - a.http!.query.size);
    node.operations.set(method, same);
  }
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    // Not percent-encoding: such a path belongs to no operation.
    return undefined;
  }
}
