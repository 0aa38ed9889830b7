import { CliError } from '../cli-error.ts';
import { Server } from '../client/server.ts';
import type { InvocationRecord } from '../why/record.ts';
import { story } from '../why/story.ts';

/** Tells what became of an invocation, and why: its record in words. */
export async function why(requestId: string, options: { json?: boolean }): Promise<void> {
  const record = await find(requestId);
  process.stdout.write(options.json === true ? `${JSON.stringify(record)}\n` : story(record, Date.now()));
}

async function find(requestId: string): Promise<InvocationRecord> {
  try {
    const path = `/_hearth/invocations/${encodeURIComponent(requestId)}`;
    return await new Server().json<InvocationRecord>('GET', path);
  } catch (error) {
    if (!(error instanceof CliError) || error.code !== 'ResourceNotFoundException') throw error;
    throw new CliError(`There is no record of an invocation ${requestId}.`, {
      code: error.code,
      hint:
        'hearth invoke  prints the id, every answer has it in x-amzn-requestid, and the log in its START line. ' +
        'The last 100,000 invocations are kept, until the server stops.',
      cause: error,
    });
  }
}
