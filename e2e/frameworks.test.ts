/** Functions built with the frameworks that people use on Lambda, unmodified, packed as `npm install` leaves them. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Hearth } from './testing/hearth.ts';
import { packageClosure } from './testing/package-closure.ts';

/** Parts of a request as API Gateway puts them, https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html. */
function httpEvent(method: string, path: string, { body, headers = {}, query = '' }: Request = {}): object {
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString: query,
    headers: { host: 'shop.example', ...headers },
    requestContext: {
      accountId: '000000000000',
      domainName: 'shop.example',
      http: { method, path, protocol: 'HTTP/1.1', sourceIp: '192.0.2.9', userAgent: 'test' },
      requestId: 'id',
      stage: '$default',
      time: '12/Mar/2026:19:03:58 +0000',
      timeEpoch: 1773342238000,
    },
    isBase64Encoded: false,
    ...(body === undefined ? {} : { body }),
  };
}

interface Request {
  body?: string;
  headers?: Record<string, string>;
  query?: string;
}

/** What a daemon of X-Ray would hear: the function itself listens, in its own sandbox. */
const DAEMON = `
  import dgram from 'node:dgram';
  const received = [];
  const daemon = dgram.createSocket('udp4');
  daemon.on('message', (bytes) => received.push(JSON.parse(bytes.toString().split('\\n')[1])));
  await new Promise((resolve) => daemon.bind(2000, '127.0.0.1', resolve));
  daemon.unref();
  /** Documents sent since the last call, once there are so many. */
  export async function heard(count) {
    while (received.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
    return received.splice(0);
  }`;

const TRACED = {
  TracingConfig: { Mode: 'Active' },
  Environment: { Variables: { AWS_XRAY_DAEMON_ADDRESS: '127.0.0.1:2000' } },
} as const;

describe('a function built with', () => {
  let hearth: Hearth;

  before(async () => {
    hearth = await Hearth.start();
  });

  after(() => hearth[Symbol.asyncDispose]());

  for (const [path, variables] of Object.entries({ fork: {}, exec: { NODE_OPTIONS: '--no-deprecation' } })) {
    it(`@middy/core and five middlewares, by ${path}`, async () => {
      const name = `middy-${path}`;
      await hearth.create(
        name,
        {
          'index.mjs': `
            import middy from '@middy/core';
            import cors from '@middy/http-cors';
            import errorHandler from '@middy/http-error-handler';
            import headerNormalizer from '@middy/http-header-normalizer';
            import jsonBodyParser from '@middy/http-json-body-parser';
            import validator from '@middy/validator';
            import { transpileSchema } from '@middy/validator/transpile';
            const eventSchema = transpileSchema({
              type: 'object',
              required: ['body'],
              properties: {
                body: { type: 'object', required: ['amount'], properties: { amount: { type: 'number', minimum: 1 } } },
              },
            });
            export const handler = middy()
              .use(headerNormalizer())
              .use(cors({ origins: ['https://shop.example'] }))
              .use(jsonBodyParser())
              .use(validator({ eventSchema }))
              .use(errorHandler({ logger: false }))
              .handler(async (event) => ({
                statusCode: 201,
                headers: {},
                body: JSON.stringify({ doubled: event.body.amount * 2, via: event.headers['x-shop'] }),
              }));`,
          ...packageClosure(
            '@middy/core',
            '@middy/http-cors',
            '@middy/http-error-handler',
            '@middy/http-header-normalizer',
            '@middy/http-json-body-parser',
            '@middy/validator',
          ),
        },
        { MemorySize: 512, Environment: { Variables: variables } },
      );
      const headers = { 'Content-Type': 'application/json', 'X-Shop': 'front', Origin: 'https://shop.example' };
      const post = async (body: string): Promise<any> =>
        hearth.invoke(name, httpEvent('POST', '/charges', { body, headers }));

      for (const amount of [4, 5]) {
        const { payload: made, startPath } = await post(JSON.stringify({ amount }));
        assert.equal(made.statusCode, 201, JSON.stringify(made));
        assert.deepEqual(JSON.parse(made.body), { doubled: amount * 2, via: 'front' });
        assert.equal(made.headers['Access-Control-Allow-Origin'], 'https://shop.example');
        if (amount === 4) assert.equal(startPath === 'exec', path === 'exec', startPath);
        else assert.equal(startPath, 'warm');
      }
      assert.equal((await post('{"amount": 0}')).payload.statusCode, 400);
      assert.equal((await post('{"amount": ')).payload.statusCode, 422);
    });
  }

  it('hono and its adapter for Lambda', async () => {
    await hearth.create('hono', {
      'index.mjs': `
        import { Hono } from 'hono';
        import { handle } from 'hono/aws-lambda';
        const app = new Hono();
        app.get('/items/:id', (c) => {
          c.header('x-shop', 'open');
          return c.json({ id: c.req.param('id'), colour: c.req.query('colour'), request: c.env.lambdaContext.awsRequestId });
        });
        app.post('/items', async (c) => c.json({ made: await c.req.json() }, 201));
        app.get('/picture', (c) => c.body(new Uint8Array([255, 0, 254]), 200, { 'content-type': 'image/png' }));
        export const handler = handle(app);`,
      ...packageClosure('hono'),
    });
    const { payload: found } = await hearth.invoke('hono', httpEvent('GET', '/items/7', { query: 'colour=red' }));
    assert.equal(found.statusCode, 200, JSON.stringify(found));
    const { request, ...item } = JSON.parse(found.body);
    assert.deepEqual(item, { id: '7', colour: 'red' });
    assert.match(request, /^[0-9a-f-]{36}$/);
    assert.equal(found.headers['x-shop'], 'open');

    const headers = { 'content-type': 'application/json' };
    const { payload: made } = await hearth.invoke(
      'hono',
      httpEvent('POST', '/items', { body: '{"name":"lamp"}', headers }),
    );
    assert.equal(made.statusCode, 201, JSON.stringify(made));
    assert.deepEqual(JSON.parse(made.body), { made: { name: 'lamp' } });

    const { payload: picture } = await hearth.invoke('hono', httpEvent('GET', '/picture'));
    assert.equal(picture.isBase64Encoded, true);
    assert.equal(picture.body, Buffer.from([255, 0, 254]).toString('base64'));
    assert.equal((await hearth.invoke('hono', httpEvent('GET', '/nothing'))).payload.statusCode, 404);
  });

  it('express and @codegenie/serverless-express', async () => {
    await hearth.create('codegenie', {
      'index.js': `
        const express = require('express');
        const serverlessExpress = require('@codegenie/serverless-express');
        const app = express();
        app.use(express.json());
        app.get('/items/:id', (request, response) => {
          response.cookie('seen', request.params.id).json({ id: request.params.id, colour: request.query.colour });
        });
        app.post('/items', (request, response) => response.status(201).json({ made: request.body }));
        exports.handler = serverlessExpress({ app });`,
      ...packageClosure('express', '@codegenie/serverless-express'),
    });
    const { payload: found } = await hearth.invoke('codegenie', httpEvent('GET', '/items/7', { query: 'colour=red' }));
    assert.equal(found.statusCode, 200, JSON.stringify(found));
    assert.deepEqual(JSON.parse(found.body), { id: '7', colour: 'red' });
    assert.deepEqual(found.cookies, ['seen=7; Path=/']);

    const headers = { 'content-type': 'application/json' };
    const event = httpEvent('POST', '/items', { body: '{"name":"lamp"}', headers });
    const { payload: made } = await hearth.invoke('codegenie', event);
    assert.equal(made.statusCode, 201, JSON.stringify(made));
    assert.deepEqual(JSON.parse(made.body), { made: { name: 'lamp' } });
  });

  it('@aws-lambda-powertools/metrics: metrics in the log, in the embedded metric format', async () => {
    await hearth.create(
      'metrics',
      {
        'index.mjs': `
          import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
          const metrics = new Metrics({ namespace: 'shop', serviceName: 'payments' });
          export const handler = async (event, context) => {
            metrics.setFunctionName(context.functionName);
            metrics.captureColdStartMetric();
            metrics.addDimension('currency', 'EUR');
            metrics.addMetric('charged', MetricUnit.Count, event.amount);
            metrics.publishStoredMetrics();
          };`,
        ...packageClosure('@aws-lambda-powertools/metrics'),
      },
      { MemorySize: 256 },
    );
    const metricsOf = async (amount: number): Promise<any[]> => {
      const { log } = await hearth.invoke('metrics', { amount });
      return log
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line));
    };
    const [cold, first] = await metricsOf(3);
    assert.equal(cold.ColdStart, 1);
    assert.equal(cold.function_name, 'metrics');
    assert.equal(first.charged, 3);
    const warm = await metricsOf(12);
    assert.equal(warm.length, 1, JSON.stringify(warm));
    // https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    const [{ _aws: described, ...values }] = warm;
    assert.deepEqual(values, { service: 'payments', currency: 'EUR', charged: 12 });
    assert.equal(described.CloudWatchMetrics[0].Namespace, 'shop');
    assert.deepEqual(described.CloudWatchMetrics[0].Metrics, [{ Name: 'charged', Unit: 'Count' }]);
    assert.ok(Math.abs(described.Timestamp - Date.now()) < 60_000);
  });

  it('aws-xray-sdk-core: segments of the trace that it is told of, to the daemon', async () => {
    await hearth.create(
      'xray',
      {
        'daemon.mjs': DAEMON,
        'index.mjs': `
          import { heard } from './daemon.mjs';
          import http from 'node:http';
          import AWSXRay from 'aws-xray-sdk-core';
          AWSXRay.captureHTTPsGlobal(http);
          AWSXRay.capturePromise();
          const server = http.createServer((request, response) => {
            response.writeHead(request.url === '/missing' ? 404 : 200).end(JSON.stringify(request.headers));
          });
          await new Promise((resolve) => server.listen(8080, '127.0.0.1', resolve));
          const get = (path) =>
            new Promise((resolve, reject) => {
              http.get({ host: '127.0.0.1', port: 8080, path }, (response) => {
                let text = '';
                response.on('data', (piece) => (text += piece)).on('end', () => resolve(JSON.parse(text)));
              }).on('error', reject);
            });
          export const handler = async () => {
            const trace = process.env._X_AMZN_TRACE_ID;
            const headers = await AWSXRay.captureAsyncFunc('work', async (subsegment) => {
              subsegment.addAnnotation('colour', 'red');
              try {
                await get('/missing');
                return await get('/items');
              } finally {
                subsegment.close();
              }
            });
            return { trace, sent: headers['x-amzn-trace-id'], documents: await heard(3) };
          };`,
        ...packageClosure('aws-xray-sdk-core'),
      },
      { MemorySize: 512, ...TRACED },
    );
    const traces = new Set<string>();
    for (let call = 0; call < 2; call++) {
      const { payload, error } = await hearth.invoke('xray');
      assert.equal(error, undefined, JSON.stringify(payload));
      const { trace, sent, documents } = payload;
      const [, root] = /^Root=(1-[0-9a-f]{8}-[0-9a-f]{24});Parent=[0-9a-f]{16};Sampled=1/.exec(trace) ?? [];
      assert.ok(root !== undefined, trace);
      traces.add(root);
      // Each is sent as it ends.
      const [missing, items, work] = documents;
      for (const each of documents) assert.equal(each.trace_id, root);
      assert.equal(work.name, 'work');
      assert.equal(work.parent_id, /Parent=([0-9a-f]{16})/.exec(trace)?.[1]);
      assert.deepEqual(work.annotations, { colour: 'red' });
      assert.equal(missing.parent_id, work.id);
      assert.equal(missing.http.response.status, 404);
      assert.equal(missing.error, true);
      assert.match(items.http.request.url, /^http:\/\/127\.0\.0\.1(:8080)?\/items$/);
      assert.equal(sent, `Root=${root};Parent=${items.id};Sampled=1`);
    }
    assert.equal(traces.size, 2, 'the second invocation was told of the trace of the first');
  });

  it('@aws-lambda-powertools/tracer, as a middleware of middy', async () => {
    await hearth.create(
      'tracer',
      {
        'daemon.mjs': DAEMON,
        'index.mjs': `
          import { heard } from './daemon.mjs';
          import { Tracer } from '@aws-lambda-powertools/tracer';
          import { captureLambdaHandler } from '@aws-lambda-powertools/tracer/middleware';
          import middy from '@middy/core';
          const tracer = new Tracer({ serviceName: 'payments' });
          const traced = middy(async (event) => {
            tracer.putAnnotation('amount', event.amount);
            if (event.fail) throw new Error('refused');
            return { charged: event.amount };
          }).use(captureLambdaHandler(tracer));
          export const handler = async (event, context) => {
            const answer = await traced(event, context).catch((error) => error.message);
            return { answer, documents: await heard(1) };
          };`,
        ...packageClosure('@aws-lambda-powertools/tracer', '@middy/core'),
      },
      { MemorySize: 512, ...TRACED },
    );
    const { payload: cold } = await hearth.invoke('tracer', { amount: 3 });
    assert.deepEqual(cold.answer, { charged: 3 }, JSON.stringify(cold));
    const [first] = cold.documents;
    assert.equal(first.name, '## index.handler');
    assert.deepEqual(first.annotations, { ColdStart: true, Service: 'payments', amount: 3 });
    assert.deepEqual(first.metadata.payments, { 'index.handler response': { charged: 3 } });

    const { payload: warm } = await hearth.invoke('tracer', { amount: 4, fail: true });
    assert.equal(warm.answer, 'refused');
    const [second] = warm.documents;
    assert.equal(second.annotations.ColdStart, false);
    assert.equal(second.fault, true);
    assert.equal(second.cause.exceptions[0].message, 'refused');
    assert.notEqual(second.trace_id, first.trace_id);
  });
});
