/**
 * Entry of a runtime that is started anew instead of forked. HEARTH_FD is the number of the descriptor that
 * {@link serve} takes.
 */
import { writeSync } from 'node:fs';
import { installAwslambda } from './awslambda.ts';
import { presentAsLambda } from './identity.ts';
import { serve } from './run-sandbox.ts';
import { installSignals } from './signals.ts';

const fd = Number(process.env['HEARTH_FD'] ?? Number.NaN);
delete process.env['HEARTH_FD'];
if (!Number.isInteger(fd)) {
  writeSync(2, 'hearth runtime: HEARTH_FD is not a descriptor. Hint: only an agent starts this file.\n');
  process.exit(1);
}
const { reallyExit } = process as unknown as { reallyExit(code: number): never };
presentAsLambda();
installSignals();
installAwslambda();
serve(fd, reallyExit.bind(process));
