/**
 * `items` as round `round` takes them: rotated by one each round, and backwards in every other cycle of rotations, so
 * that no subject always follows the same neighbour or always runs on a rested machine.
 */
export function rotated<T>(items: readonly T[], round: number): T[] {
  const start = items.length === 0 ? 0 : round % items.length;
  const order = [...items.slice(start), ...items.slice(0, start)];
  return Math.floor(round / items.length) % 2 === 0 ? order : order.toReversed();
}
