import { stripVTControlCharacters } from 'node:util';

// Colours are kept: they change how text looks and nothing else.
// oxlint-disable-next-line no-control-regex -- control characters are what this is about
const COLOUR = /\u001B\[[\d;]*m/g;
// oxlint-disable-next-line no-control-regex -- see above
const CONTROL = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/g;

/**
 * Text from a function or a server as it may go to a terminal: no sequence that moves the cursor, sets the title or
 * answers for the person, since a log line must not be able to hide another. Carriage returns inside a message, which
 * AWS's runtimes write where the function wrote newlines, become newlines again.
 */
export function printable(text: string): string {
  const pieces: string[] = [];
  let from = 0;
  for (const match of text.matchAll(COLOUR)) {
    pieces.push(clean(text.slice(from, match.index)), match[0]);
    from = match.index + match[0].length;
  }
  pieces.push(clean(text.slice(from)));
  return pieces.join('');
}

function clean(piece: string): string {
  return stripVTControlCharacters(piece).replaceAll(/\r\n?/g, '\n').replaceAll(CONTROL, '\uFFFD');
}
