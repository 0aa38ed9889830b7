/** Debian's Chromium, without a window, as a person would use it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const PROGRAM = '/usr/bin/chromium';
const START_LIMIT_MS = 60_000;

/** What the browser answers to a command, or tells by itself. */
interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly sessionId?: string;
  readonly params?: unknown;
  readonly result?: any;
  readonly error?: { readonly message: string };
}

/**
 * A browser with a profile of its own, driven by Chromium's own protocol.
 *
 * Source: https://chromedevtools.github.io/devtools-protocol/
 */
export class Browser implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #profile: string;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, PromiseWithResolvers<any>>();
  #sent = 0;

  private constructor(browser: ChildProcess, profile: string, socket: WebSocket) {
    this.#process = browser;
    this.#profile = profile;
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      const { id, result, error } = JSON.parse(String(data)) as Message;
      const waiting = this.#waiting.get(id ?? 0);
      if (waiting === undefined) return;
      this.#waiting.delete(id!);
      if (error === undefined) waiting.resolve(result);
      else waiting.reject(new Error(error.message));
    });
  }

  /** Whether there is one on this machine. */
  static get installed(): boolean {
    return fs.existsSync(PROGRAM);
  }

  static async start(): Promise<Browser> {
    const profile = fs.mkdtempSync('/var/tmp/hearth-browser-');
    // The tests run as root, whom Chromium gives no sandbox.
    const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'];
    const files = [`--user-data-dir=${profile}`, `--disk-cache-dir=${join(profile, 'cache')}`];
    const args = [...flags, ...files, '--remote-debugging-port=0', 'about:blank'];
    const browser = spawn(PROGRAM, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    try {
      const socket = new WebSocket(await addressOf(browser));
      await once(socket, 'open', { signal: AbortSignal.timeout(START_LIMIT_MS) });
      return new Browser(browser, profile, socket);
    } catch (error) {
      browser.kill('SIGKILL');
      throw error;
    }
  }

  /** Opens a page and waits until it has loaded, unless told otherwise. */
  async open(url: string, { loaded = true } = {}): Promise<Page> {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(this, sessionId as string);
    await page.send('Page.enable');
    const { errorText } = await page.send('Page.navigate', { url });
    if (errorText !== undefined) throw new Error(`${url}: ${String(errorText)}`);
    if (loaded)
      await page.evaluate(
        `new Promise((resolve) => document.readyState === 'complete' ? resolve() : addEventListener('load', () => resolve()))`,
      );
    return page;
  }

  send(method: string, params: object = {}, sessionId?: string): Promise<any> {
    const id = (this.#sent += 1);
    const waiting = Promise.withResolvers<any>();
    this.#waiting.set(id, waiting);
    this.#socket.send(JSON.stringify({ id, method, params, sessionId }));
    return waiting.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await ended;
    fs.rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

export class Page {
  readonly #browser: Browser;
  readonly #session: string;

  constructor(browser: Browser, session: string) {
    this.#browser = browser;
    this.#session = session;
  }

  send(method: string, params: object = {}): Promise<any> {
    return this.#browser.send(method, params, this.#session);
  }

  /** What an expression in the page comes to; a promise is waited for. @throws Error where it throws there. */
  async evaluate(expression: string): Promise<any> {
    const params = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', params);
    if (exceptionDetails !== undefined)
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Chooses a file, as a person does in the dialogue of an input. */
  async chooseFile(selector: string, file: string): Promise<void> {
    const { root } = await this.send('DOM.getDocument');
    const { nodeId } = await this.send('DOM.querySelector', { nodeId: root.nodeId, selector });
    await this.send('DOM.setFileInputFiles', { nodeId, files: [file] });
  }
}

/** Where a browser that has just been started listens for commands, which it says on its standard error. */
async function addressOf(browser: ChildProcess): Promise<string> {
  const signal = AbortSignal.timeout(START_LIMIT_MS);
  for await (const line of createInterface({ input: browser.stderr!, signal })) {
    const [, address] = /^DevTools listening on (\S+)/.exec(line) ?? [];
    if (address !== undefined) {
      browser.stderr!.resume();
      return address;
    }
  }
  throw new Error('the browser did not start');
}
