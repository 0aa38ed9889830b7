import { CliError } from '../cli-error.ts';

/** Says on stderr what went wrong and what to do about it; what nobody has foreseen with its stack. */
export function printError(error: unknown, json: boolean): void {
  const { message, stack } = error as Error;
  // The server's errors carry hints as well, and are not of our class.
  const { hint, code } = error as { hint?: unknown; code?: unknown };
  const known = error instanceof CliError || typeof hint === 'string';
  if (json) process.stderr.write(`${JSON.stringify({ error: { code, message, hint } })}\n`);
  else process.stderr.write(`hearth: ${known ? message : stack}\n${typeof hint === 'string' ? `Hint: ${hint}\n` : ''}`);
}
