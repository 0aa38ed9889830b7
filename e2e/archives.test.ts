/**
 * P12: deployment packages that are large, unusual or meant to harm, from the upload to the function's answer.
 *
 * https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 * https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-deployment.html
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CreateFunctionCommand } from '@aws-sdk/client-lambda';
import { ZipFile } from 'yazl';
import { Hearth, ROLE, run, zipOf } from './testing/hearth.ts';

const HANDLER = `export const handler = async (event) => event;`;
const MANY = 100_000;

describe('a deployment package', () => {
  let hearth: Hearth;

  before(async () => {
    hearth = await Hearth.start();
    await hearth.create('bystander', HANDLER);
  });

  after(() => hearth[Symbol.asyncDispose]());

  /** The error of an upload. */
  const refusal = async (bytes: Buffer): Promise<{ name: string; message: string }> => {
    const command = new CreateFunctionCommand({
      FunctionName: 'refused',
      Runtime: 'nodejs26.x',
      Handler: 'index.handler',
      Role: ROLE,
      Code: { ZipFile: bytes },
    });
    const error = await hearth
      .client()
      .send(command)
      .then(
        () => undefined,
        (refused: Error) => refused,
      );
    assert.ok(error !== undefined, 'it was taken');
    return error;
  };

  it(`of ${MANY} files works; whoever calls meanwhile does not wait`, async (test) => {
    const bytes = await packMany();
    const started = performance.now();
    const response = await hearth.client().send(
      new CreateFunctionCommand({
        FunctionName: 'many',
        Runtime: 'nodejs26.x',
        Handler: 'index.handler',
        Role: ROLE,
        Timeout: 60,
        MemorySize: 1769,
        Code: { ZipFile: bytes },
      }),
    );
    assert.ok(response.CodeSize! > 0);
    const ended = new AbortController();
    const many = hearth.invoke('many').finally(() => ended.abort());
    let slowest = 0;
    for (let n = 0; !ended.signal.aborted; n++) {
      const asked = performance.now();
      assert.deepEqual((await hearth.invoke('bystander', { n })).payload, { n });
      slowest = Math.max(slowest, performance.now() - asked);
    }
    const answer = await many;
    assert.equal(answer.payload, MANY, JSON.stringify(answer));
    test.diagnostic(`${Math.round(performance.now() - started)} ms, the slowest bystander ${Math.round(slowest)} ms`);
    assert.ok(slowest < 10_000);
  });

  it('that could never be unpacked is refused at upload, in the words of AWS', async () => {
    const good = await zipOf({ 'index.mjs': HANDLER });
    const words = /^Could not unzip uploaded file\. Please check your file, then try to upload again\./;
    const encrypted = Buffer.from(good);
    encrypted.writeUInt16LE(1, good.indexOf(Buffer.from('PK\x01\x02')) + 8);
    const escaping = Buffer.from(good.toString('latin1').replaceAll('index.mjs', '../../x.s'), 'latin1');
    for (const bytes of [Buffer.from('no zip at all'), good.subarray(0, -1), encrypted, escaping]) {
      const { name, message } = await refusal(bytes);
      assert.equal(name, 'InvalidParameterValueException');
      assert.match(message, words);
    }
    assert.equal(
      (await refusal(Buffer.alloc(22, 'PK\x05\x06' + '\0'.repeat(18)))).message,
      'Uploaded file must be a non-empty zip',
    );
  });

  it('that turns out damaged when it is unpacked is told so, leaves nothing, and a whole one mends it', async () => {
    const good = await zipOf({ 'index.mjs': HANDLER, 'data.txt': 'some text '.repeat(100) });
    const damaged = Buffer.from(good);
    // In the packed data, of which the directory says nothing but the checksum.
    const at = damaged.indexOf('data.txt') + 'data.txt'.length + 3;
    damaged[at] = damaged[at]! ^ 0xff;
    await hearth.client().send(
      new CreateFunctionCommand({
        FunctionName: 'damaged',
        Runtime: 'nodejs26.x',
        Handler: 'index.handler',
        Role: ROLE,
        Code: { ZipFile: damaged },
      }),
    );
    for (let times = 0; times < 2; times++) {
      await assert.rejects(hearth.invoke('damaged'), (error: Error & { $metadata: { httpStatusCode: number } }) => {
        assert.equal(error.name, 'InvalidZipFileException');
        assert.equal(error.$metadata.httpStatusCode, 502);
        assert.match(error.message, /^Lambda could not unzip the deployment package: /);
        return true;
      });
    }
    const instances = join(hearth.dataDirectory, 'instances');
    const partial = fs.globSync('**/*.{partial,zip}', { cwd: instances });
    assert.deepEqual(partial, []);
    await hearth.create('mended', { 'index.mjs': HANDLER, 'data.txt': 'whole' });
    assert.deepEqual((await hearth.invoke('mended', { n: 1 })).payload, { n: 1 });
  });

  it('with links that lead out shows nothing of what is there', async () => {
    const zip = new ZipFile();
    zip.addBuffer(
      Buffer.from(`
        import fs from 'node:fs';
        const look = (path) => { try { return fs.readFileSync(path, 'utf8').slice(0, 40); } catch (error) { return error.code; } };
        export const handler = async () => [look('shadow'), look('data'), look('up/up/etc/hostname'), fs.readlinkSync('shadow')];`),
      'index.mjs',
    );
    const link = { mode: 0o120777 };
    zip.addBuffer(Buffer.from('/etc/shadow'), 'shadow', link);
    zip.addBuffer(Buffer.from(hearth.dataDirectory), 'data', link);
    zip.addBuffer(Buffer.from('../../../../..'), 'up', link);
    zip.end();
    const parts: Buffer[] = [];
    for await (const part of zip.outputStream) parts.push(part as Buffer);
    await hearth.client().send(
      new CreateFunctionCommand({
        FunctionName: 'links',
        Runtime: 'nodejs26.x',
        Handler: 'index.handler',
        Role: ROLE,
        Code: { ZipFile: Buffer.concat(parts) },
      }),
    );
    const { payload } = await hearth.invoke('links');
    assert.deepEqual(payload, ['ENOENT', 'ENOENT', 'ENOENT', '/etc/shadow'], JSON.stringify(payload));
  });
});

/** Python's own library packs so many in seconds. */
async function packMany(): Promise<Buffer> {
  const directory = fs.mkdtempSync('/var/tmp/hearth-e2e-many-');
  const script = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as archive:
    archive.writestr("index.mjs", """
import { readdirSync } from 'node:fs';
export const handler = async () =>
  readdirSync('/var/task', { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length;
""")
    for i in range(1, ${MANY}):
        archive.writestr(f"d{i % 100}/f{i}", "")
`;
  try {
    const path = join(directory, 'many.zip');
    await run('python3', ['-c', script, path], process.env);
    return fs.readFileSync(path);
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}
