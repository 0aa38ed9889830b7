import type { DurationHistogram } from './histogram.ts';

/**
 * Histograms with one label in Prometheus' text format. Written here because prom-client's own histogram can only be
 * filled one observation at a time, which is what the warm path can't afford.
 */
export function histogramText(
  name: string,
  help: string,
  series: { label: string; value: string; histogram: DurationHistogram }[],
): string {
  const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`];
  for (const { label, value, histogram } of series) {
    const { buckets, sum, count } = histogram.read();
    for (const { bound, count: upTo } of buckets)
      lines.push(`${name}_bucket{${label}="${value}",le="${bound}"} ${upTo}`);
    lines.push(`${name}_sum{${label}="${value}"} ${sum}`, `${name}_count{${label}="${value}"} ${count}`);
  }
  return `${lines.join('\n')}\n`;
}
