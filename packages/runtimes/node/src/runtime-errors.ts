/**
 * The errors that the runtime itself raises, with AWS's names and texts. `name` is an enumerable property of each
 * instance, as in AWS's runtime: log lines show it.
 * Source: AWS's runtime interface client for Node.js.
 */
class RuntimeError extends Error {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

export class HandlerNotFoundError extends RuntimeError {
  constructor(message: string) {
    super('Runtime.HandlerNotFound', message);
  }
}

export class MalformedHandlerNameError extends RuntimeError {
  constructor(message: string) {
    super('Runtime.MalformedHandlerName', message);
  }
}

export class ImportModuleError extends RuntimeError {
  constructor(original: unknown) {
    super('Runtime.ImportModuleError', String(original));
  }
}

export class UserCodeSyntaxError extends RuntimeError {
  constructor(original: SyntaxError) {
    super('Runtime.UserCodeSyntaxError', String(original));
    // The original's stack names the file and the line; this one would name the runtime.
    if (original.stack !== undefined) this.stack = original.stack;
  }
}

export class CallbackHandlerDeprecatedError extends RuntimeError {
  constructor() {
    super(
      'Runtime.CallbackHandlerDeprecated',
      'ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. ' +
        'You need to modify this function to use a supported handler signature to use Node.js 24 or later. ' +
        'For more information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.',
    );
  }
}

export class MalformedStreamingHandlerError extends RuntimeError {
  constructor(message: string) {
    super('Runtime.MalformedStreamingHandler', message);
  }
}

export class InvalidStreamingOperationError extends RuntimeError {
  constructor(message: string) {
    super('Runtime.InvalidStreamingOperation', message);
  }
}

export class JsonStringifyError extends RuntimeError {
  /** nodejs22.x has no name of its own for it. */
  constructor(name: 'Runtime.JSONStringifyError' | 'Error') {
    super(name, 'Unable to stringify response body');
  }
}

/** Of nodejs22.x, for an asynchronous handler whose promise can't settle any more. */
export class NodeJsExitError extends RuntimeError {
  constructor() {
    super(
      'Runtime.NodeJsExit',
      'The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a Promise ' +
        'that was never settled. For more information, see https://nodejs.org/docs/latest/api/process.html#exit-codes',
    );
  }
}

export class UnhandledPromiseRejectionError extends RuntimeError {
  readonly reason: unknown;
  readonly promise: Promise<unknown>;

  constructor(reason: unknown, promise: Promise<unknown>) {
    super('Runtime.UnhandledPromiseRejection', String(reason));
    this.reason = reason;
    this.promise = promise;
  }
}
