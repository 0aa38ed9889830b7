/** Functions with packages that bring an engine of their own, or speak to a server: unmodified, packed as `npm install` leaves them. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { deflateSync, crc32 } from 'node:zlib';
import { Hearth } from './testing/hearth.ts';
import { Outside } from './testing/outside.ts';
import { packageClosure } from './testing/package-closure.ts';

describe('a function', () => {
  let hearth: Hearth;

  before(async () => {
    hearth = await Hearth.start();
  });

  after(() => hearth[Symbol.asyncDispose]());

  describe('with servers elsewhere', () => {
    let outside: Outside;

    before(() => {
      outside = new Outside();
    });

    after(() => outside[Symbol.asyncDispose]());

    it('keeps its data in PostgreSQL with pg, on connections that last from one invocation to the next', async () => {
      const files = {
        'index.mjs': `
          import pg from 'pg';
          const pool = new pg.Pool({ connectionString: process.env.DATABASE, max: 1, idleTimeoutMillis: 0 });
          await pool.query('create table if not exists orders (id serial primary key, item text, amount numeric, made timestamptz)');
          export const handler = async ({ item, amount }) => {
            const client = await pool.connect();
            let error;
            try {
              await client.query('begin');
              await client.query('insert into orders (item, amount, made) values ($1, $2, now())', [item, amount]);
              await client.query(amount > 0 ? 'commit' : 'rollback');
              // On this client: the pool parts with one whose query failed through the pool.
              error = await client.query('select * from nothing').catch(({ code }) => code);
            } finally {
              client.release();
            }
            const { rows } = await pool.query('select item, sum(amount) as total, min(made) as since from orders group by item order by item');
            const connection = await pool.query('select pg_backend_pid() as id');
            return {
              rows: rows.map(({ item, total, since }) => [item, Number(total), since instanceof Date]),
              connection: connection.rows[0].id,
              error,
            };
          };`,
        ...packageClosure('pg'),
      };
      const database = await outside.postgres();
      for (const [name, variables] of Object.entries({
        'pg-fork': {},
        'pg-exec': { NODE_OPTIONS: '--no-deprecation' },
      })) {
        const Environment = { Variables: { DATABASE: database, ...variables } };
        await hearth.create(name, files, { MemorySize: 512, Timeout: 20, Environment });
        const { payload: cold, startPath } = await hearth.invoke(name, { item: name, amount: 2 });
        assert.equal(startPath === 'exec', name === 'pg-exec', startPath);
        const warm = [];
        for (const amount of [3, -1, 4]) warm.push((await hearth.invoke(name, { item: name, amount })).payload);
        const totals = [cold, ...warm].map(({ rows }) => rows.find(([item]: [string]) => item === name));
        assert.deepEqual(
          totals,
          [
            [name, 2, true],
            [name, 5, true],
            [name, 5, true],
            [name, 9, true],
          ],
          JSON.stringify(cold),
        );
        assert.equal(warm[2].connection, cold.connection);
        assert.equal(cold.error, '42P01');
      }
    });

    it('does nothing twice with @aws-lambda-powertools/idempotency, and remembers in Redis', async () => {
      const files = {
        'index.mjs': `
          import { IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency';
          import { CachePersistenceLayer } from '@aws-lambda-powertools/idempotency/cache';
          import { createClient } from '@redis/client';
          const client = await createClient({ url: process.env.CACHE }).connect();
          const persistenceStore = new CachePersistenceLayer({ client });
          let runs = 0;
          const charge = makeIdempotent(
            async (event) => {
              runs++;
              if (event.fail) throw new Error('refused');
              return { charged: event.amount, run: runs };
            },
            { persistenceStore, config: new IdempotencyConfig({ eventKeyJmesPath: 'order' }) },
          );
          export const handler = async (event, context) => {
            const answer = await charge(event, context).catch((error) => error.name + ': ' + (error.cause ?? error).message);
            return { answer, runs };
          };`,
        ...packageClosure('@aws-lambda-powertools/idempotency', '@redis/client'),
      };
      const cache = await outside.redis();
      const Environment = { Variables: { CACHE: cache } };
      for (const name of ['charge', 'charge-again']) {
        await hearth.create(name, files, { MemorySize: 512, Timeout: 20, Environment });
      }
      const call = async (event: object, name = 'charge'): Promise<any> => (await hearth.invoke(name, event)).payload;
      assert.deepEqual(await call({ order: 'a', amount: 5 }), { answer: { charged: 5, run: 1 }, runs: 1 });
      assert.deepEqual(await call({ order: 'a', amount: 5 }), { answer: { charged: 5, run: 1 }, runs: 1 });
      assert.deepEqual(await call({ order: 'b', amount: 6 }), { answer: { charged: 6, run: 2 }, runs: 2 });
      // What failed is not remembered.
      assert.match((await call({ order: 'c', fail: true })).answer, /refused/);
      assert.deepEqual((await call({ order: 'c', amount: 7 })).answer, { charged: 7, run: 4 });
      // The key belongs to a function: another one charges for itself.
      assert.deepEqual(await call({ order: 'a', amount: 5 }, 'charge-again'), {
        answer: { charged: 5, run: 1 },
        runs: 1,
      });
    });
  });

  it('resizes pictures with sharp, whose libvips is native code', async () => {
    await hearth.create(
      'sharp',
      {
        'index.mjs': `
          import sharp from 'sharp';
          export const handler = async ({ picture, width }) => {
            const small = sharp(Buffer.from(picture, 'base64')).resize({ width, kernel: 'nearest' });
            const { data, info } = await small.clone().removeAlpha().raw().toBuffer({ resolveWithObject: true });
            const webp = await small.clone().webp({ lossless: true }).toBuffer();
            return { info, pixels: data.toString('base64'), webp: webp.toString('base64', 0, 12), png: (await small.png().toBuffer()).toString('base64') };
          };`,
        ...packageClosure('sharp'),
      },
      { MemorySize: 1024, Timeout: 20 },
    );
    // The left half is red, the right half blue.
    const picture = png(64, 48, (x) => (x < 32 ? [255, 0, 0] : [0, 0, 255])).toString('base64');
    for (const width of [16, 8]) {
      const { payload } = await hearth.invoke('sharp', { picture, width });
      const height = width * 0.75;
      assert.deepEqual(
        [payload.info?.width, payload.info?.height, payload.info?.channels],
        [width, height, 3],
        JSON.stringify(payload),
      );
      const pixels = Buffer.from(payload.pixels, 'base64');
      for (let x = 0; x < width; x++) {
        const at = ((height - 1) * width + x) * 3;
        assert.deepEqual([...pixels.subarray(at, at + 3)], x < width / 2 ? [255, 0, 0] : [0, 0, 255], `pixel ${x}`);
      }
      const file = Buffer.from(payload.png, 'base64');
      assert.deepEqual([file.readUInt32BE(16), file.readUInt32BE(20)], [width, height]);
      assert.match(Buffer.from(payload.webp, 'base64').toString('latin1'), /^RIFF....WEBP$/s);
    }
  });

  it('has PostgreSQL with it in @electric-sql/pglite, whose engine is WebAssembly', async () => {
    await hearth.create(
      'pglite',
      {
        'index.mjs': `
          import { PGlite } from '@electric-sql/pglite';
          const db = await PGlite.create();
          await db.exec('create table items (id serial primary key, name text, tags jsonb)');
          export const handler = async ({ name, tags }) => {
            const { rows: [{ id }] } = await db.query('insert into items (name, tags) values ($1, $2) returning id', [name, JSON.stringify(tags)]);
            const { rows } = await db.query("select name from items where tags ? 'red' order by name");
            return { id, red: rows.map((row) => row.name) };
          };`,
        ...packageClosure('@electric-sql/pglite'),
      },
      { MemorySize: 2048, Timeout: 120 },
    );
    const { payload: cold } = await hearth.invoke('pglite', { name: 'lamp', tags: ['red', 'old'] });
    assert.deepEqual(cold, { id: 1, red: ['lamp'] }, JSON.stringify(cold));
    assert.deepEqual((await hearth.invoke('pglite', { name: 'sofa', tags: ['blue'] })).payload, {
      id: 2,
      red: ['lamp'],
    });
    const { payload: third, startPath } = await hearth.invoke('pglite', { name: 'chair', tags: ['red'] });
    assert.deepEqual(third, { id: 3, red: ['chair', 'lamp'] });
    assert.equal(startPath, 'warm');
  });

  it('checks passwords with bcrypt and tokens with jose', async () => {
    await hearth.create(
      'login',
      {
        'index.mjs': `
          import bcrypt from 'bcrypt';
          import { generateKeyPair, jwtVerify, SignJWT } from 'jose';
          const { publicKey, privateKey } = await generateKeyPair('EdDSA');
          const known = await bcrypt.hash('open sesame', 4);
          export const handler = async ({ password }) => {
            if (!(await bcrypt.compare(password, known))) return { error: 'wrong password' };
            const token = await new SignJWT({ role: 'admin' }).setProtectedHeader({ alg: 'EdDSA' }).setExpirationTime('1h').sign(privateKey);
            const { payload } = await jwtVerify(token, publicKey);
            const [header, , signature] = token.split('.');
            const forged = [header, Buffer.from('{"role":"root"}').toString('base64url'), signature].join('.');
            return { role: payload.role, forged: await jwtVerify(forged, publicKey).catch(({ code }) => code) };
          };`,
        ...packageClosure('bcrypt', 'jose'),
      },
      { MemorySize: 512 },
    );
    for (let call = 0; call < 2; call++) {
      const { payload } = await hearth.invoke('login', { password: 'open sesame' });
      assert.deepEqual(payload, { role: 'admin', forged: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED' });
    }
    assert.deepEqual((await hearth.invoke('login', { password: 'mellon' })).payload, { error: 'wrong password' });
  });

  it('logs through a worker thread with a transport of pino', async () => {
    await hearth.create(
      'pino',
      {
        'index.mjs': `
          import { promisify } from 'node:util';
          import { readFileSync } from 'node:fs';
          import pino from 'pino';
          const transport = pino.transport({ target: 'pino/file', options: { destination: '/tmp/log' } });
          const logger = pino({ base: { service: 'shop' } }, transport);
          export const handler = async ({ item }, { awsRequestId }) => {
            logger.child({ awsRequestId }).info({ item }, 'sold');
            await promisify(logger.flush).call(logger);
            return { awsRequestId, lines: readFileSync('/tmp/log', 'utf8').trim().split('\\n').map((line) => JSON.parse(line)) };
          };`,
        ...packageClosure('pino'),
      },
      { MemorySize: 512, Timeout: 10 },
    );
    const ids: string[] = [];
    for (const [call, item] of ['lamp', 'sofa'].entries()) {
      const { payload } = await hearth.invoke('pino', { item });
      ids.push(payload.awsRequestId);
      assert.deepEqual(
        payload.lines?.map((line: any) => [line.level, line.service, line.msg, line.item, line.awsRequestId]),
        ['lamp', 'sofa'].slice(0, call + 1).map((name, index) => [30, 'shop', 'sold', name, ids[index]]),
        JSON.stringify(payload),
      );
    }
  });
});

/** A PNG file of 8 bits for each colour, https://www.w3.org/TR/png/. */
function png(width: number, height: number, colour: (x: number, y: number) => number[]): Buffer {
  const rows = Array.from({ length: height }, (_, y) =>
    Buffer.from([0, ...Array.from({ length: width }, (__, x) => colour(x, y)).flat()]),
  );
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2], 8);
  const chunk = (type: string, data: Buffer): Buffer[] => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    check.writeUInt32BE(crc32(body));
    return [length, body, check];
  };
  const data = deflateSync(Buffer.concat(rows));
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  return Buffer.concat([
    signature,
    ...chunk('IHDR', header),
    ...chunk('IDAT', data),
    ...chunk('IEND', Buffer.alloc(0)),
  ]);
}
