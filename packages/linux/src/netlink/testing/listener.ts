/** `listener.ts HOST PORT`: an HTTP server that answers with the address it was asked from. Ends with its stdin. */
import { createServer } from 'node:http';

const [host, port] = process.argv.slice(2);
const server = createServer((request, response) => {
  response.setHeader('connection', 'close').end(request.socket.remoteAddress);
});
server.listen(Number(port), host, () => console.log('listening'));
process.stdin.resume().on('end', () => process.exit());
