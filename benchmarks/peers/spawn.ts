/** The peer `spawn`: a new Node process for each request, given the event on stdin. What Hearth's cold start replaces. */
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { join } from 'node:path';

const program = join(import.meta.dirname, 'spawned.mjs');

createServer((request, response) => {
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] });
  request.pipe(child.stdin);
  child.once('error', (error) => response.writeHead(500).end(error.message));
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stdout.once('end', () => {
    const body = Buffer.concat(chunks);
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body);
  });
}).listen(Number(process.env['PORT']), '127.0.0.1');
