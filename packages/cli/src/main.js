import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

// Keeps compiled code, with its types already stripped, for the next time. This file is plain JavaScript and imports
// the program only after that, so that Node need not load its TypeScript stripper at all: 30 ms of each command, 300 of a server.
// Beside the code itself, so that whoever could change the one could change the other; where it can't be written, there is none.
enableCompileCache(join(import.meta.dirname, '../.cache'));
const { run } = await import('./program.ts');
await run();
