import { readFileSync } from 'node:fs';

const { handler } = await import('./echo.mjs');
process.stdout.write(JSON.stringify(await handler(JSON.parse(readFileSync(0, 'utf8')))));
