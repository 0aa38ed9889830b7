import { INLINE_BODY, type ErrorBody } from '@hearth/protocol';

/** Room for the document's text in one frame, with a margin for its keys. */
const MAX_DOCUMENT_BYTES = INLINE_BODY - 1024;

/**
 * What a caller is told about something thrown. Never throws, whatever the thrown value's accessors do.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html and AWS's runtime interface client.
 */
function errorDocument(thrown: unknown): ErrorBody {
  try {
    if (thrown instanceof Error) {
      return {
        errorType: visible(thrown.name),
        errorMessage: visible(thrown.message),
        trace: thrown.stack === undefined ? [] : visible(thrown.stack).split('\n'),
      };
    }
    return { errorType: typeof thrown, errorMessage: String(thrown), trace: [] };
  } catch {
    return {
      errorType: 'handled',
      errorMessage:
        'callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack',
      trace: [],
    };
  }
}

/** JSON of {@link errorDocument}, at most {@link INLINE_BODY} bytes: the trace is dropped first, then the message cut. */
export function errorDocumentText(thrown: unknown): string {
  const document = errorDocument(thrown);
  const text = JSON.stringify(document);
  if (Buffer.byteLength(text) <= MAX_DOCUMENT_BYTES) return text;
  const errorType = document.errorType.slice(0, 1024);
  const short = JSON.stringify({ ...document, errorType, trace: [] });
  if (Buffer.byteLength(short) <= MAX_DOCUMENT_BYTES) return short;
  // Escapes make at most six bytes of a character.
  const errorMessage = document.errorMessage.slice(0, Math.floor(MAX_DOCUMENT_BYTES / 6) - 2048);
  return JSON.stringify({ errorType, errorMessage, trace: [] });
}

/**
 * What a log line shows of something thrown, after its headline: a tab and JSON of the error with its own properties.
 * Never throws.
 */
export function errorLogText(thrown: unknown): string {
  try {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    return `\t${JSON.stringify(error, (_key, value: unknown) => (value instanceof Error ? loggable(value) : value))}`;
  } catch {
    // A cycle, a BigInt or an accessor that throws: show what can be shown.
    return `\t${JSON.stringify(errorDocument(thrown))}`;
  }
}

function loggable(error: Error): object {
  const { code } = error as NodeJS.ErrnoException;
  const shown = Object.assign({ errorType: error.name, errorMessage: error.message, code }, error);
  return typeof error.stack === 'string' ? Object.assign(shown, { stack: error.stack.split('\n') }) : shown;
}

/** DEL is the one control character that JSON lets through. Throws if `text` is no string. */
function visible(text: string): string {
  return text.replaceAll('\x7f', '%7F');
}
