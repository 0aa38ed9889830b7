/** `probe.ts TARGETS`: asks all targets (JSON, see namespace.ts) at once, prints their answers or errors' codes as JSON. */
import { get } from 'node:http';
import type { Target } from './namespace.ts';

/** A packet that is dropped is sent again after 1 s: a lost one should not look like a blocked one. */
const PATIENCE_MS = 1500;

function ask({ host, port, from }: Target): Promise<string> {
  return new Promise((resolve) => {
    const options = {
      host,
      port,
      agent: false,
      timeout: PATIENCE_MS,
      ...(from !== undefined && { localAddress: from }),
    };
    const request = get(options, (response) => {
      let body = '';
      response.on('data', (data) => (body += data)).on('end', () => resolve(body.replace('::ffff:', '')));
    });
    request.on('timeout', () => request.destroy(Object.assign(new Error(), { code: 'timeout' })));
    request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

const targets = JSON.parse(process.argv[2] ?? '[]') as Target[];
console.log(JSON.stringify(await Promise.all(targets.map(ask))));
process.exit();
