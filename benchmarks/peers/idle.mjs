// A Node process that has loaded its handler, run it once and now waits: what one idle function costs without Hearth.
import { createServer } from 'node:net';

const { handler } = await import('./echo.mjs');
await handler(JSON.parse('{}'));
createServer().listen({ path: `\0hearth-benchmark-idle-${process.pid}` }, () => process.send('ready'));
process.once('disconnect', () => process.exit());
