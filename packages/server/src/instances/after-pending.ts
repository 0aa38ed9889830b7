/**
 * Calls back once what lay ready on any other stream when this was called has been read: streams are read in no certain
 * order, and the first turn's reading may have begun already.
 */
export function afterPending(then: () => void): void {
  setImmediate(() => setImmediate(then));
}
