/** What `GET /_hearth/invocations/ID` answers, as far as it is told here. Times in milliseconds since `receivedAt`. */
export interface InvocationRecord {
  requestId: string;
  account: string;
  functionName: string;
  version: string;
  versionReason: string;
  /** Empty where it has none, or none yet. */
  sandbox: string;
  instance: string;
  startPath: string | null;
  instanceStep: string | null;
  pool: string;
  reason: string;
  /** ISO 8601. */
  receivedAt: string;
  times: { placed?: number; initialised?: number; started?: number; ended?: number };
  ladder: LadderStep[];
  /** Milliseconds. */
  costs: { boot?: number; code?: number; sandbox?: number };
  /** Present where its caller said that it is not time-sensitive. `waited` in ms. */
  deferral?: {
    receivedAt: string;
    runBy: string;
    latestStart: string;
    expectedMs: number;
    delayedBecause: string | null;
    begunBecause: string | null;
    waited: number;
  };
  status: string;
  error?: string;
}

export interface LadderStep {
  step: string;
  taken: boolean;
  why: string;
  /** Milliseconds since `receivedAt`. */
  at: number;
}
