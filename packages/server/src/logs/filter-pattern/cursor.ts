import { ApiError } from '@hearth/protocol';

/** Reads a pattern from left to right. */
export class Cursor {
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  get done(): boolean {
    this.skipSpace();
    return this.at >= this.text.length;
  }

  skipSpace(): void {
    this.take(/\s*/y);
  }

  /** Whether `token` comes next, spaces aside; it is then taken. */
  accept(token: string): boolean {
    this.skipSpace();
    if (!this.text.startsWith(token, this.at)) return false;
    this.at += token.length;
    return true;
  }

  /** @throws ApiError InvalidParameterException where something else comes next. */
  expect(token: string): void {
    if (!this.accept(token)) throw this.wrong(`${JSON.stringify(token)} is missing`);
  }

  /** What a sticky expression matches here, which is taken; undefined where it doesn't match. */
  take(expression: RegExp): string | undefined {
    expression.lastIndex = this.at;
    const match = expression.exec(this.text);
    if (match === null) return undefined;
    this.at += match[0].length;
    return match[0];
  }

  /** The content of `"..."`, in which a backslash stands before a quotation mark or a backslash. */
  quoted(): string {
    const raw = this.take(/"(?:[^"\\]|\\.)*"/sy);
    if (raw === undefined) throw this.wrong('a quotation mark has no partner');
    return raw.slice(1, -1).replaceAll(/\\(["\\])/g, '$1');
  }

  /** The content of `%...%`. */
  betweenPercents(): string {
    const raw = this.take(/%[^%]*%/y);
    if (raw === undefined) throw this.wrong('a percent sign has no partner');
    return raw.slice(1, -1);
  }

  /** To be thrown: the pattern is wrong here. */
  wrong(what: string): ApiError {
    return new ApiError('InvalidParameterException', `Invalid filter pattern: ${what} at character ${this.at + 1}.`);
  }
}
