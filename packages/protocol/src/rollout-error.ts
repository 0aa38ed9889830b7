/** AWS's LastUpdateStatusReasonCode, as far as Hearth gives one of its own for a version that could not take over. */
export type RolloutErrorCode =
  | 'FunctionError'
  | 'FunctionError.InitResourceExhausted'
  | 'FunctionError.InitTimeout'
  | 'FunctionError.RuntimeInitError'
  | 'InsufficientCapacity'
  | 'InternalError'
  | 'InvalidZipFileException';

/**
 * A new version can't take over from one that serves: that one goes on. Code and message are what LastUpdateStatusReasonCode and
 * LastUpdateStatusReason show (https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html).
 */
export class RolloutError extends Error {
  override readonly name = 'RolloutError';
  readonly code: RolloutErrorCode;

  constructor(code: RolloutErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
