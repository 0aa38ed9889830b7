/** Something that a person has to know and can mostly do something about: told without a stack. */
export class CliError extends Error {
  override name = 'CliError';
  readonly hint: string | undefined;
  /** AWS's name of the error where a server gave one. */
  readonly code: string | undefined;

  /** @param options.hint the cure: what to run or to change. */
  constructor(
    message: string,
    options: { hint?: string | undefined; code?: string | undefined; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.hint = options.hint;
    this.code = options.code;
  }
}
