/** The peer `bare`: a JSON echo on node:http and nothing else. The ceiling for any HTTP server written in Node. */
import { createServer } from 'node:http';

createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const event: unknown = JSON.parse(chunks.length === 1 ? String(chunks[0]) : Buffer.concat(chunks).toString());
    const body = Buffer.from(JSON.stringify(event));
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
    response.end(body);
  });
}).listen(Number(process.env['PORT']), '127.0.0.1');
