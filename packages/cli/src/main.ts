import { enableCompileCache } from 'node:module';

// Types stripped and code compiled are kept for the next time: it halves the time until a command starts. The program
// is imported after this, so that the cache holds it too.
enableCompileCache();
const { run } = await import('./program.ts');
await run();
