/** On whose behalf, and where. */
export interface Caller {
  /** 12 digits. */
  readonly account: string;
  readonly region: string;
  /** Who acts for the account; the account itself where nobody is named. */
  readonly principal?: { readonly arn: string };
}
