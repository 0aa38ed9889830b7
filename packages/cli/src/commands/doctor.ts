import { portFrom } from '../client/endpoint.ts';
import type { Finding } from '../doctor/checks.ts';
import { examine, isolation } from '../doctor/checks.ts';
import type { Machine } from '../doctor/machine.ts';
import { thisMachine } from '../doctor/machine.ts';

const MARKS = { ok: 'ok     ', less: 'less   ', missing: 'missing', unknown: '?      ' };

/**
 * Says for each thing that the local provider needs whether the machine has it, and what cures it where not.
 *
 * @returns the exit code: 1 where something is missing.
 */
export async function doctor(options: { json?: boolean }, machine: Machine = thisMachine()): Promise<number> {
  const findings = await examine(machine, '127.0.0.1', portFrom());
  const lacking = findings.filter((finding) => finding.status === 'missing');
  process.stdout.write(
    options.json === true ? `${JSON.stringify(findings)}\n` : report(findings, lacking.length, isolation(machine)),
  );
  return lacking.length === 0 ? 0 : 1;
}

function report(findings: Finding[], lacking: number, level: string): string {
  const lines = findings.flatMap(({ name, status, detail, cure }) => [
    `${MARKS[status]}  ${name}: ${detail}`,
    ...(cure === undefined ? [] : [`         cure: ${cure}`]),
  ]);
  const summary =
    lacking === 0
      ? `${level}\nThis machine has what Hearth needs. Start it with  hearth up .`
      : `${lacking} of ${findings.length} are missing; the cures stand below each.`;
  return `${lines.join('\n')}\n\n${summary}\n`;
}
