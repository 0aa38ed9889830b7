/** Functions with the libraries that people use, unmodified, packed as `npm install` leaves them. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Hearth } from './testing/hearth.ts';
import { packageClosure } from './testing/package-closure.ts';

describe('a function with libraries', () => {
  let hearth: Hearth;

  before(async () => {
    hearth = await Hearth.start();
  });

  after(() => hearth[Symbol.asyncDispose]());

  it('serves an express application through serverless-http', async () => {
    await hearth.create('shop', {
      'index.js': `
        const express = require('express');
        const serverless = require('serverless-http');
        const app = express();
        app.use(express.json());
        app.get('/items/:id', (request, response) => {
          response.set('x-shop', 'open').json({ id: request.params.id, colour: request.query.colour });
        });
        app.post('/items', (request, response) => response.status(201).json({ made: request.body }));
        exports.handler = serverless(app);`,
      ...packageClosure('express', 'serverless-http'),
    });
    const request = (method: string, path: string, query: Record<string, string>, body: string | null) => ({
      httpMethod: method,
      path,
      headers: { 'content-type': 'application/json', host: 'shop.example' },
      queryStringParameters: query,
      requestContext: {},
      body,
      isBase64Encoded: false,
    });

    const { payload: found } = await hearth.invoke('shop', request('GET', '/items/7', { colour: 'red' }, null));
    assert.equal(found.statusCode, 200, JSON.stringify(found));
    assert.deepEqual(JSON.parse(found.body), { id: '7', colour: 'red' });
    assert.equal(found.headers['x-shop'], 'open');

    const { payload: made } = await hearth.invoke('shop', request('POST', '/items', {}, '{"name":"lamp"}'));
    assert.equal(made.statusCode, 201, JSON.stringify(made));
    assert.deepEqual(JSON.parse(made.body), { made: { name: 'lamp' } });

    const { payload: missing } = await hearth.invoke('shop', request('GET', '/nothing', {}, null));
    assert.equal(missing.statusCode, 404);
  });

  it('writes structured logs with @aws-lambda-powertools/logger', async () => {
    await hearth.create(
      'logger',
      {
        'index.mjs': `
          import { Logger } from '@aws-lambda-powertools/logger';
          const logger = new Logger({ serviceName: 'payments' });
          export const handler = async (event, context) => {
            logger.addContext(context);
            logger.info('charged', { amount: event.amount });
            return context.awsRequestId;
          };`,
        ...packageClosure('@aws-lambda-powertools/logger'),
      },
      { MemorySize: 256 },
    );
    await hearth.invoke('logger', { amount: 1 });
    const { payload: requestId, log } = await hearth.invoke('logger', { amount: 12 });
    const line = log.split('\n').find((text) => text.startsWith('{'));
    assert.ok(line !== undefined, log);
    const entry = JSON.parse(line);
    assert.equal(entry.level, 'INFO');
    assert.equal(entry.message, 'charged');
    assert.equal(entry.amount, 12);
    assert.equal(entry.service, 'payments');
    assert.equal(entry.function_name, 'logger');
    assert.equal(entry.function_memory_size, '256');
    assert.equal(entry.function_request_id, requestId);
    assert.equal(entry.cold_start, false);
  });

  it('loads a native addon', async () => {
    await hearth.create('checksum', {
      'index.mjs': `
        import { crc32 } from '@node-rs/crc32';
        export const handler = async ({ text }) => crc32(text);`,
      ...packageClosure('@node-rs/crc32'),
    });
    // The check value of CRC-32 in every list of CRC algorithms.
    assert.equal((await hearth.invoke('checksum', { text: '123456789' })).payload, 0xcbf43926);
  });

  it('calls Hearth back with the AWS SDK, told of nothing', async () => {
    await hearth.create('callee', `export const handler = async (event) => ({ squared: event.n * event.n });`);
    await hearth.create(
      'caller',
      {
        'index.mjs': `
          import { InvokeCommand, LambdaClient, ListFunctionsCommand } from '@aws-sdk/client-lambda';
          const client = new LambdaClient();
          export const handler = async ({ n }) => {
            const { Functions } = await client.send(new ListFunctionsCommand());
            const { Payload } = await client.send(new InvokeCommand({ FunctionName: 'callee', Payload: JSON.stringify({ n }) }));
            return { names: Functions.map((found) => found.FunctionName), answer: JSON.parse(Payload.transformToString()) };
          };`,
        ...packageClosure('@aws-sdk/client-lambda'),
      },
      { MemorySize: 512, Timeout: 30 },
    );
    // Of another account: must not be listed.
    await hearth.create('foreign', `export const handler = async () => 1;`, {}, '111111111111');
    for (const n of [3, 4]) {
      const { payload } = await hearth.invoke('caller', { n });
      assert.deepEqual(payload.answer, { squared: n * n }, JSON.stringify(payload));
      assert.ok(payload.names.includes('callee') && payload.names.includes('caller'));
      assert.ok(!payload.names.includes('foreign'));
    }
  });
});
