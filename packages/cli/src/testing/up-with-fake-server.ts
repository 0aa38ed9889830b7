import { up } from '../commands/up.ts';

/** Runs `hearth up` on a server that ends when it is told to on stdin, so that tests decide how long it drains. */
let ended: (code: number) => void = () => {};
const closed = new Promise<number>((resolve) => {
  ended = resolve;
});
process.stdin.on('data', (bytes) => ended(Number(bytes.toString())));
process.exitCode = await up(
  { host: '127.0.0.1', auth: 'dev', json: process.argv.includes('--json') },
  async (options) => ({
    url: `http://${options.host}:${options.port}`,
    closed,
    close: () => process.stdout.write('draining\n'),
  }),
);
process.stdin.destroy();
