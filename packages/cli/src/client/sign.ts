export interface SignableRequest {
  method: string;
  url: URL;
  headers: Record<string, string>;
  body: Buffer;
}

/** The account whose functions are meant where nobody says otherwise. */
const DEFAULT_ACCOUNT = '000000000000';

/** The account that the environment's credentials name in a server's dev mode. */
export function accountFrom(env: NodeJS.ProcessEnv): string {
  return /^\d{12}$/.test(env.AWS_ACCESS_KEY_ID ?? '') ? (env.AWS_ACCESS_KEY_ID as string) : DEFAULT_ACCOUNT;
}

/**
 * The headers that sign a request with the credentials and region of the environment; none where the environment has
 * neither, since a server in dev mode asks for none and signing takes a while to load.
 */
export async function signature(request: SignableRequest, env: NodeJS.ProcessEnv): Promise<Record<string, string>> {
  const region = env.AWS_REGION ?? env.AWS_DEFAULT_REGION;
  if (env.AWS_ACCESS_KEY_ID === undefined && region === undefined) return {};
  const { SignatureV4 } = await import('@smithy/signature-v4');
  const signer = new SignatureV4({
    service: 'lambda',
    region: region ?? 'us-east-1',
    sha256: (await import('./sha256.ts')).Sha256,
    credentials: {
      accessKeyId: env.AWS_ACCESS_KEY_ID ?? DEFAULT_ACCOUNT,
      secretAccessKey: env.AWS_SECRET_ACCESS_KEY ?? 'none',
      ...(env.AWS_SESSION_TOKEN === undefined ? {} : { sessionToken: env.AWS_SESSION_TOKEN }),
    },
  });
  const { url } = request;
  const signed = await signer.sign({
    method: request.method,
    protocol: url.protocol,
    hostname: url.hostname,
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers: { ...request.headers, host: url.host },
    body: request.body,
  });
  return signed.headers;
}
