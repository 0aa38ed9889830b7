/** What is needed of a terminal; `process.stdout` is one. */
export interface Terminal {
  readonly rows: number;
  write(text: string): unknown;
}

const ENTER = '\u001B[?1049h\u001B[?25l\u001B[?7l';
const LEAVE = '\u001B[?7h\u001B[?25h\u001B[?1049l';
const HOME = '\u001B[H';
const REST_OF_LINE = '\u001B[K';
const REST_OF_SCREEN = '\u001B[J';

/**
 * A page that is drawn over itself, on the terminal's other screen, so that what the person had before is there again
 * afterwards. What does not fit is counted in the last line.
 */
export class LiveScreen implements Disposable {
  readonly #terminal: Terminal;
  #last = '';

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    terminal.write(ENTER);
  }

  /** @param text whole lines, with nothing in them that would drive the terminal. */
  show(text: string): void {
    this.#last = text;
    const lines = text.replace(/\n$/, '').split('\n');
    const room = Math.max(2, this.#terminal.rows);
    const shown = lines.length <= room ? lines : lines.slice(0, room - 1);
    if (shown.length < lines.length) shown.push(`... and ${lines.length - shown.length} lines more`);
    this.#terminal.write(HOME + shown.map((line) => line + REST_OF_LINE).join('\r\n') + REST_OF_SCREEN);
  }

  /** The terminal as it was; what was shown last stays on it. */
  [Symbol.dispose](): void {
    this.#terminal.write(LEAVE + this.#last);
  }
}
