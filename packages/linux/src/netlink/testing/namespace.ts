import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { addAddress, addDefaultRoute, linkIndex, NetlinkSocket, newNetns, setLinkUp, withNetns } from '../index.ts';

const LISTENER = fileURLToPath(new URL('listener.ts', import.meta.url));
const PROBE = fileURLToPath(new URL('probe.ts', import.meta.url));

/** What {@link TestNamespace.probe} tries: an HTTP request to an address. */
export interface Target {
  host: string;
  port: number;
  /** Source address, where not the usual one. */
  from?: string;
}

/** Whether this process may make network namespaces; the reason for skipping what needs them, if not. */
export function lacksPrivilege(): string | false {
  try {
    closeSync(newNetns());
    return false;
  } catch (error) {
    return `cannot make network namespaces here: ${String(error)}`;
  }
}

/** A network namespace with processes in it. Disposing kills them; the kernel then removes its links and tables. */
export class TestNamespace implements AsyncDisposable {
  readonly fd = newNetns();
  readonly route = withNetns(this.fd, () => NetlinkSocket.route());
  readonly #children: ChildProcess[] = [];

  within<T>(work: () => T): T {
    return withNetns(this.fd, work);
  }

  netfilter(): NetlinkSocket<'netfilter'> {
    return this.within(() => NetlinkSocket.netfilter());
  }

  index(link: string): number {
    return linkIndex(this.route, link);
  }

  /** Sets a link up with addresses, then the default route. */
  connect(link: string, addresses: readonly [string, number][], gateway?: string): void {
    const index = this.index(link);
    setLinkUp(this.route, index);
    for (const [address, prefix] of addresses) addAddress(this.route, index, address, prefix);
    if (gateway !== undefined) addDefaultRoute(this.route, gateway);
  }

  sysctl(path: string, value: string): void {
    this.within(() => writeFileSync(`/proc/sys/net/${path}`, value));
  }

  /** Starts an HTTP server that answers with the address it was asked from. */
  async listen(host: string, port: number): Promise<void> {
    const child = this.#start(LISTENER, [host, String(port)]);
    const [line] = await once(createInterface(child.stdout), 'line');
    if (line !== 'listening') throw new Error(`the listener said ${line}`);
  }

  /** Tries all targets at once. @returns for each the server's answer, or an error's code. */
  async probe(targets: readonly Target[]): Promise<string[]> {
    return JSON.parse(await text(this.#start(PROBE, [JSON.stringify(targets)]).stdout)) as string[];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    }
    this.route[Symbol.dispose]();
    closeSync(this.fd);
  }

  #start(script: string, args: string[]) {
    // The pipe as stdin tells the child when this process is gone.
    const child = this.within(() => spawn(process.execPath, [script, ...args], { stdio: ['pipe', 'pipe', 'inherit'] }));
    this.#children.push(child);
    return child;
  }
}
