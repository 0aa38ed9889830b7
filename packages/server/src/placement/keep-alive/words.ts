/** A span of time for a person: `45 s`, `10 min`, `1.5 h`. */
export function inWords(milliseconds: number): string {
  const minutes = milliseconds / 60_000;
  if (minutes < 1) return `${Math.round(milliseconds / 1000)} s`;
  if (minutes < 100) return `${Number(minutes.toFixed(minutes < 10 ? 1 : 0))} min`;
  return `${Number((minutes / 60).toFixed(1))} h`;
}
