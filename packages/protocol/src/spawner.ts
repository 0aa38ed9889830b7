/**
 * What the server asks of the spawner, the only privileged part, and what it answers: JSON, one message a line, on
 * the pipe between the two. The spawner never sees a tenant's bytes.
 */
export type ToSpawner =
  /**
   * Make an instance: user, mount, pid, ipc, uts and network namespaces, cgroups with this much memory and CPU, and
   * the agent started inside. Until it is activated it yields the processors to whoever works. `socket` is the server's
   * Unix socket for this instance, `token` what its agent says in its hello. Answered by `made` or `failed`.
   */
  | { type: 'make'; instance: string; memoryMb: number; cpus: number; socket: string; token: string }
  /** It has work to do from now on, or somebody waits for it: it gets its whole share of the processors. Not answered. */
  | { type: 'activate'; instance: string }
  /** End it and remove everything of it. Answered by `gone`. */
  | { type: 'remove'; instance: string }
  /** Have a `/tmp` volume of this size, empty, mounted for each of these slots. Answered by `volumes`. */
  | { type: 'volumes'; instance: string; slots: number[]; sizeMb: number };

export type FromSpawner =
  /** Left-overs of a former life are removed; instances can be made. */
  | { type: 'ready'; cgroupVersion: 1 | 2 }
  /** It can't work on this machine, and ends. */
  | { type: 'refused'; message: string; hint: string }
  | { type: 'made'; instance: string; cgroups: InstanceCgroups }
  | { type: 'failed'; instance: string; message: string; hint?: string }
  | { type: 'gone'; instance: string; reason: string }
  | { type: 'volumes'; instance: string; slots: number[] };

/** Directories (as the server sees them) that hold one directory `s<slot>` for each slot of an instance. */
export interface InstanceCgroups {
  version: 1 | 2;
  /** Where `memory.usage_in_bytes` or `memory.current` is. */
  memory: string;
  /** Where `freezer.state` or `cgroup.freeze` is; the server may write it. */
  freezer: string;
}

/** What an agent is told when it starts. */
export interface AgentConfig {
  instance: string;
  /** What it says in its hello. */
  token: string;
  /** The server's Unix socket. */
  socket: string;
  cgroup: { version: 1 | 2; directory: string };
  /** Directory where the volume of each slot is mounted. */
  volumes: string;
  /** Directory on a disk, for code. */
  disk: string;
  /**
   * A read-only directory that holds `RUNTIME/bin/node` for each runtime that the server has fetched, also later ones. Absent
   * where the provider shares none: its instances run the built-in runtime only.
   */
  runtimes?: string;
  /** Absent where sandboxes get no network but their own loopback. */
  network?: AgentNetwork;
}

/** The cable out of an instance. */
export interface AgentNetwork {
  uplink: string;
  /** IPv4 address on the other end; sandboxes take the addresses after it. */
  gateway: string;
  prefix: number;
}
