/**
 * Makes a function that measures itself, so that what lies between a caller and it doesn't count. It works `times` times and answers
 * with the milliseconds that one took: by the clock, and of all threads' processor time.
 */
export function measure(work) {
  return async ({ times }) => {
    const cpuBefore = process.cpuUsage();
    const start = performance.now();
    for (let time = 0; time < times; time++) await work();
    const wallMs = (performance.now() - start) / times;
    const { user, system } = process.cpuUsage(cpuBefore);
    return { wallMs, cpuMs: (user + system) / 1000 / times };
  };
}
