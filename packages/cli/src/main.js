import { enableCompileCache } from 'node:module';

// Keeps compiled code, with its types already stripped, for the next time. This file is plain JavaScript and imports
// the program only after that, so that Node need not load its TypeScript stripper at all: 30 ms of each command.
enableCompileCache();
const { run } = await import('./program.ts');
await run();
