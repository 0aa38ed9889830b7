import { createHash, createHmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';

type Data = string | ArrayBuffer | ArrayBufferView;

/** Node's SHA-256, and HMAC where there is a secret, in the shape that Smithy's signer wants. */
class Sha256 {
  readonly #hash: { update(data: string | Uint8Array): unknown; digest(): Uint8Array };

  constructor(secret?: Data) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret));
  }

  update(data: Data): void {
    this.#hash.update(bytesOf(data));
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest());
  }

  reset(): void {
    throw new Error('the signer makes a new one each time');
  }
}

function bytesOf(data: Data): string | Uint8Array {
  if (typeof data === 'string') return data;
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}

export interface SignerOptions {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly service?: string;
  readonly region?: string;
  /** Whether the header X-Amz-Content-Sha256 is sent, as the JavaScript SDK does and botocore doesn't. */
  readonly hashInHeader?: boolean;
}

/** AWS's own signer of requests, as the SDK for JavaScript has it: what our verifier is held against. */
export function referenceSigner(options: SignerOptions): SignatureV4 {
  const { accessKeyId, secretAccessKey, sessionToken, service = 'lambda', region = 'us-east-1' } = options;
  return new SignatureV4({
    service,
    region,
    sha256: Sha256,
    applyChecksum: options.hashInHeader ?? true,
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
  });
}
