/** After this a person wonders whether anything happens. */
const SHOW_AFTER_MS = 1000;

/** Says on stderr what goes on, if it takes more than a second; on a terminal with the seconds so far. */
export async function withProgress<T>(label: string, work: Promise<T>): Promise<T> {
  const start = performance.now();
  const { isTTY } = process.stderr;
  let shown = false;
  const show = () => {
    const seconds = Math.round((performance.now() - start) / 1000);
    if (isTTY) process.stderr.write(`\r${label} ... ${seconds} s`);
    else if (!shown) process.stderr.write(`${label} ...\n`);
    shown = true;
  };
  const timer = setInterval(show, SHOW_AFTER_MS);
  try {
    return await work;
  } finally {
    clearInterval(timer);
    if (shown && isTTY) process.stderr.write('\r\u001B[K');
  }
}

const BAR_WIDTH = 24;

/** A bar on stderr, drawn anew on a terminal; elsewhere only the label, once. */
export function progressBar(label: string): { show(share: number): void; end(): void } {
  const { isTTY } = process.stderr;
  let shown = false;
  return {
    show(share) {
      const full = Math.round(Math.min(1, share) * BAR_WIDTH);
      const bar = `${'#'.repeat(full)}${'-'.repeat(BAR_WIDTH - full)}`;
      if (isTTY) process.stderr.write(`\r${label}  [${bar}] ${Math.round(share * 100)} %`);
      else if (!shown) process.stderr.write(`${label} ...\n`);
      shown = true;
    },
    end() {
      if (shown && isTTY) process.stderr.write('\r\u001B[K');
    },
  };
}
