import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { FunctionSpec } from '@hearth/protocol';
import type { CodeSource } from '../code-transfer.ts';

/** Code kept in memory, by account and hash. */
export class MemoryCode implements CodeSource {
  readonly #code = new Map<string, Buffer>();
  opened = 0;
  /** How many of the next transfers break off. */
  failures = 0;
  /** Transfers end only when this has. */
  held: Promise<void> | undefined;
  /** Transfers under way, and the most that were at once. */
  running = 0;
  peak = 0;

  /** Keeps `bytes` for an account; under another hash than theirs if one is given. */
  put(account: string, bytes: Buffer, sha256 = createHash('sha256').update(bytes).digest('hex')): string {
    this.#code.set(`${account}/${sha256}`, bytes);
    return sha256;
  }

  open(account: string, sha256: string): Readable | undefined {
    const bytes = this.#code.get(`${account}/${sha256}`);
    if (bytes === undefined) return undefined;
    this.opened++;
    return Readable.from(this.#send(bytes), { objectMode: false });
  }

  async *#send(bytes: Buffer): AsyncGenerator<Buffer> {
    this.running++;
    this.peak = Math.max(this.peak, this.running);
    try {
      yield bytes.subarray(0, 1);
      await this.held;
      if (this.failures > 0) {
        this.failures--;
        throw new Error('the disk is gone');
      }
      yield bytes.subarray(1);
    } finally {
      this.running--;
    }
  }
}

/** A function version for tests; its key follows from account, name, version and memory size. */
export function testSpec(overrides: Partial<FunctionSpec> & Pick<FunctionSpec, 'code'>): FunctionSpec {
  const { account = '111111111111', functionName = 'echo', version = '$LATEST', memoryMb = 128 } = overrides;
  return {
    key: `${account}/us-east-1/${functionName}/${version}/${memoryMb}`,
    account,
    region: 'us-east-1',
    functionName,
    version,
    functionArn: `arn:aws:lambda:us-east-1:${account}:function:${functionName}`,
    runtime: 'nodejs26.x',
    architecture: process.arch === 'arm64' ? 'arm64' : 'x86_64',
    handler: 'index.handler',
    role: `arn:aws:iam::${account}:role/test`,
    memoryMb,
    timeoutMs: 3_000,
    ephemeralStorageMb: 512,
    environment: {},
    logGroup: `/aws/lambda/${functionName}`,
    ...overrides,
  };
}
