import { listFunctions } from '../client/functions.ts';
import { Server } from '../client/server.ts';
import { formatAge, formatBytes } from '../output/amounts.ts';
import { table } from '../output/table.ts';

/** Lists the functions of the account. Not their states: ListFunctions leaves those out, as on AWS. */
export async function ls(options: { json?: boolean }): Promise<void> {
  const functions = await listFunctions(new Server());
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(functions)}\n`);
    return;
  }
  if (functions.length === 0) {
    process.stdout.write('There are no functions yet. Make one:  hearth deploy FOLDER\n');
    return;
  }
  const rows = functions.map((found) => [
    found.FunctionName,
    found.Runtime ?? '-',
    found.Handler ?? '-',
    `${found.MemorySize ?? '-'} MB`,
    `${found.Timeout ?? '-'} s`,
    formatBytes(found.CodeSize),
    found.LastModified === undefined ? '-' : formatAge(Date.now() - Date.parse(found.LastModified)),
  ]);
  process.stdout.write(table(['NAME', 'RUNTIME', 'HANDLER', '>MEMORY', '>TIMEOUT', '>SIZE', '>CHANGED'], rows));
}
