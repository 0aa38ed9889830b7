/** Function URLs in a real browser: an Express app that takes an upload, a page that comes while it is made, and what pages may not do. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CreateFunctionUrlConfigCommand } from '@aws-sdk/client-lambda';
import type { CreateFunctionUrlConfigCommandInput } from '@aws-sdk/client-lambda';
import { Browser } from './testing/browser.ts';
import { eventually } from './testing/eventually.ts';
import { Hearth } from './testing/hearth.ts';
import { packageClosure } from './testing/package-closure.ts';

const APP = `
  const { createHash } = require('node:crypto');
  const express = require('express');
  const serverless = require('serverless-http');
  const app = express();
  app.get('/', (request, response) => {
    response.cookie('visited', 'yes').send(\`<!doctype html><title>shop</title><h1>Ein Café ☃</h1>
      <form method="post" action="upload" enctype="multipart/form-data">
        <input type="file" name="picture"><input name="title"><button>send</button>
      </form>\`);
  });
  app.post('/upload', express.raw({ type: 'multipart/form-data', limit: '6mb' }), async (request, response) => {
    const form = await new Response(request.body, { headers: { 'content-type': request.headers['content-type'] } }).formData();
    const picture = form.get('picture');
    const bytes = Buffer.from(await picture.arrayBuffer());
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    response.send(\`<title>\${form.get('title')}</title><pre>\${JSON.stringify({ name: picture.name, size: bytes.length, sha256, cookie: request.headers.cookie })}</pre>\`);
  });
  exports.handler = serverless(app);`;

const STREAM = `
  export const handler = awslambda.streamifyResponse(async (event, stream) => {
    stream = awslambda.HttpResponseStream.from(stream, { statusCode: 200, headers: { 'content-type': 'text/html; charset=utf-8' } });
    stream.write('<!doctype html><title>streamed</title><p id="first">first</p>' + '<!-- -->'.repeat(100));
    await new Promise((resolve) => setTimeout(resolve, 1500));
    stream.end('<p id="second">second</p>');
  });`;

describe('in a browser, function URLs', { skip: !Browser.installed && 'there is no /usr/bin/chromium' }, () => {
  let hearth: Hearth;
  let browser: Browser;
  let app: URL;

  before(async () => {
    hearth = await Hearth.start();
    await hearth.create(
      'app',
      { 'index.js': APP, ...packageClosure('express', 'serverless-http') },
      { MemorySize: 512 },
    );
    app = await createUrl('app');
    browser = await Browser.start();
  });
  after(async () => {
    await browser[Symbol.asyncDispose]();
    await hearth[Symbol.asyncDispose]();
  });

  async function createUrl(name: string, settings: Partial<CreateFunctionUrlConfigCommandInput> = {}): Promise<URL> {
    const command = new CreateFunctionUrlConfigCommand({ FunctionName: name, AuthType: 'NONE', ...settings });
    return new URL((await hearth.client().send(command)).FunctionUrl!);
  }

  it('serve an application that takes an upload', async () => {
    const picture = randomBytes(3_000_000);
    const file = join(hearth.data, 'picture.bin');
    writeFileSync(file, picture);
    const page = await browser.open(app.href);
    assert.equal(await page.evaluate('document.querySelector("h1").textContent'), 'Ein Café ☃');
    await page.chooseFile('input[type=file]', file);
    await page.evaluate(`document.querySelector('[name=title]').value = 'naïve'; document.forms[0].submit()`);
    const answer = await eventually(async () =>
      JSON.parse(await page.evaluate('document.querySelector("pre").textContent')),
    );
    assert.deepEqual(answer, {
      name: 'picture.bin',
      size: picture.length,
      sha256: createHash('sha256').update(picture).digest('hex'),
      cookie: 'visited=yes',
    });
    assert.equal(await page.evaluate('document.title'), 'naïve');
  });

  it('show a page while its function still makes it', async () => {
    await hearth.create('stream', STREAM, { Timeout: 10 });
    const url = await createUrl('stream', { InvokeMode: 'RESPONSE_STREAM' });
    const page = await browser.open(url.href, { loaded: false });
    const shown = () => page.evaluate('[...document.querySelectorAll("p")].map((each) => each.id).join()');
    await eventually(async () => assert.equal(await shown(), 'first'));
    await eventually(async () => assert.equal(await shown(), 'first,second'));
  });

  it('are read by pages of the origins that they allow, and by no others', async () => {
    const echo =
      'export const handler = async (event) => ({ method: event.requestContext.http.method, x: event.headers["x-shop"] });';
    await hearth.create('shared', echo);
    await hearth.create('closed', echo);
    const cors = { AllowOrigins: [app.origin], AllowMethods: ['PUT'], AllowHeaders: ['x-shop'] };
    const shared = await createUrl('shared', { Cors: cors });
    const closed = await createUrl('closed', { Cors: { ...cors, AllowOrigins: ['https://other.example'] } });
    const page = await browser.open(app.href);
    const put = (url: URL) =>
      page.evaluate(
        `fetch(${JSON.stringify(url.href)}, { method: 'PUT', headers: { 'x-shop': 'open' } }).then((answer) => answer.json())`,
      );
    assert.deepEqual(await put(shared), { method: 'PUT', x: 'open' });
    await assert.rejects(put(closed), /Failed to fetch/);
  });

  it('give their pages no way to the rest of the server', async () => {
    const html = `export const handler = async () => ({
      statusCode: 200, headers: { 'content-type': 'text/html' }, body: '<!doctype html><p>here</p>',
    });`;
    await hearth.create('page', html);
    await hearth.create('victim', 'export const handler = async () => console.log("was invoked");');
    const byHost = await createUrl('page');
    const origin = `http://localhost:${hearth.port}`;
    for (const start of [byHost.href, `${origin}/_hearth/url/${byHost.hostname.slice(0, 32)}/`]) {
      const page = await browser.open(start);
      assert.equal(await page.evaluate('document.querySelector("p").textContent'), 'here');
      for (const path of ['/2015-03-31/functions/', '/_hearth/fleet']) {
        await assert.rejects(
          page.evaluate(`fetch('${origin}${path}').then((answer) => answer.text())`),
          /Failed to fetch/,
          `${start} ${path}`,
        );
      }
      const invoke = `${origin}/2015-03-31/functions/victim/invocations`;
      await page.evaluate(`fetch('${invoke}', { method: 'POST', mode: 'no-cors', body: '{}' })`);
    }
    const logs = await fetch(`${hearth.url}/_hearth/logs?function=victim`);
    assert.doesNotMatch(await logs.text(), /was invoked/);
    await hearth.invoke('victim');
    const after_ = await fetch(`${hearth.url}/_hearth/logs?function=victim`);
    assert.match(await after_.text(), /was invoked/);
  });
});
