/** On whose behalf, and where. */
export interface Caller {
  /** 12 digits. */
  readonly account: string;
  readonly region: string;
}
