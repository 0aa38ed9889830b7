/** The numbers that SPECIFICATION.md promises, and which goal of which benchmark measures each. */
export interface Promised {
  number: string;
  goal: string;
  /** The benchmark, by its name for `npm run bench`; undefined where there is none yet. */
  benchmark?:
    | 'invoke'
    | 'auth'
    | 'cold'
    | 'burst'
    | 'density'
    | 'deploy'
    | 'fidelity'
    | 'fuzz'
    | 'kill'
    | 'placement'
    | 'keepalive'
    | 'soak';
  /** Matches `number` of the benchmark's goals; what the first group catches tells several of them apart. */
  goals?: RegExp;
  /** The title of the benchmark's table that states it, where it has no goal. */
  table?: string;
}

export const PROMISES: readonly Promised[] = [
  {
    number: 'warm throughput, 32 connections, JSON echo, dev auth, logs on, beside workerd',
    goal: 'at least 1.3 x',
    benchmark: 'invoke',
    goals: /^hearth (.*): throughput, x workerd$/,
  },
  {
    number: 'warm throughput, beside functions-framework',
    goal: 'at least 1.3 x',
    benchmark: 'invoke',
    goals: /^hearth (.*): throughput, x functions-framework$/,
  },
  {
    number: 'warm throughput, beside a bare `node:http` echo',
    goal: 'at least 0.37 x',
    benchmark: 'invoke',
    goals: /^hearth (.*): throughput, x bare$/,
  },
  {
    number: 'warm latency p50, one connection, beside bare',
    goal: 'at most 1.6 x',
    benchmark: 'invoke',
    goals: /^hearth (.*): p50 of one connection, x bare$/,
  },
  {
    number: 'warm latency p50, one connection, beside workerd',
    goal: 'at most 1 x',
    benchmark: 'invoke',
    goals: /^hearth (.*): p50 of one connection, x workerd$/,
  },
  {
    number: 'open loop at half the peak rate: p99 beside the p50 of one connection',
    goal: 'at most 5 x',
    benchmark: 'invoke',
    goals: /^hearth (.*): p99 of the open loop, x p50 of one connection$/,
  },
  {
    number: 'open loop at half the peak rate: p99.9',
    goal: 'stated',
    benchmark: 'invoke',
    table: 'Open loop at half the peak',
  },
  { number: 'payloads of 1 KB, 100 KB, 5.9 MB', goal: 'stated', benchmark: 'invoke', table: 'Payloads' },
  {
    number: 'throughput with signatures checked, beside without',
    goal: 'at least 0.6 x',
    benchmark: 'auth',
    goals: /^(.*): throughput with signatures checked, x without$/,
  },
  {
    number: 'cold start by a spare, added to a warm call, p50',
    goal: 'at most 2 ms',
    benchmark: 'cold',
    goals: /^spare, (\w+): added p50$/,
  },
  {
    number: 'cold start by a spare, p50 beside the start of a Node process',
    goal: 'at most 0.1 x',
    benchmark: 'cold',
    goals: /^spare, (\w+): added p50, x spawn$/,
  },
  {
    number: 'cold start by a spare, p99',
    goal: 'at most 3 x its p50',
    benchmark: 'cold',
    goals: /^spare, (\w+): p99, x its p50$/,
  },
  {
    number: 'cold start by a fork, added to a warm call, p50',
    goal: 'at most 4 ms',
    benchmark: 'cold',
    goals: /^fork, (\w+): added p50$/,
  },
  {
    number: 'cold start by a fork, p50 beside the start of a Node process',
    goal: 'at most 0.2 x',
    benchmark: 'cold',
    goals: /^fork, (\w+): added p50, x spawn$/,
  },
  {
    number: 'cold start by a fork, p99',
    goal: 'at most 3 x its p50',
    benchmark: 'cold',
    goals: /^fork, (\w+): p99, x its p50$/,
  },
  {
    number: 'cold start by exec, added to a warm call, p50',
    goal: 'at most 40 ms',
    benchmark: 'cold',
    goals: /^exec, (\w+): added p50$/,
  },
  {
    number: 'cold start by exec, p50 beside the start of a Node process',
    goal: 'at most 2 x',
    benchmark: 'cold',
    goals: /^exec, (\w+): added p50, x spawn$/,
  },
  {
    number: 'cold start by exec, p99',
    goal: 'at most 3 x its p50',
    benchmark: 'cold',
    goals: /^exec, (\w+): p99, x its p50$/,
  },
  {
    number: 'bursts of 100 different cold functions at once: answered',
    goal: 'all',
    benchmark: 'burst',
    goals: /^burst: answered$/,
  },
  {
    number: 'sandboxes a second in such a burst, 2 cores',
    goal: 'at least 400',
    benchmark: 'burst',
    goals: /^burst: sandboxes a second$/,
  },
  {
    number: "idle warm sandboxes per GB of the machine's memory, everything counted",
    goal: 'at least 600',
    benchmark: 'density',
    goals: /^idle sandboxes per GB/,
  },
  {
    number: 'private memory of an idle warm instance: agent, zygote and spares, pages shared between them counted once',
    goal: 'at most 25 MB',
    benchmark: 'density',
    goals: /^idle warm instance: private memory$/,
  },
  {
    number: 'forked Node beside ordinary Node, warm: garbage',
    goal: 'within 1.1 x',
    benchmark: 'fidelity',
    goals: /^garbage, (.*): x ordinary Node$/,
  },
  {
    number: 'forked Node beside ordinary Node: optimised code',
    goal: 'within 1.1 x',
    benchmark: 'fidelity',
    goals: /^optimised code, (.*): x ordinary Node$/,
  },
  {
    number: 'forked Node beside ordinary Node: two threads',
    goal: 'within 1.1 x',
    benchmark: 'fidelity',
    goals: /^two threads, (.*): x ordinary Node$/,
  },
  {
    number: 'forked Node beside ordinary Node: crypto and compression',
    goal: 'within 1.1 x',
    benchmark: 'fidelity',
    goals: /^crypto and compression, (.*): x ordinary Node$/,
  },
  {
    number: 'forked Node beside ordinary Node: WebAssembly and native addons',
    goal: 'within 1.1 x',
    benchmark: 'fidelity',
    goals: /^native code, (.*): x ordinary Node$/,
  },
  {
    number: 'forked Node beside ordinary Node: files, sockets, timers',
    goal: 'within 1.1 x',
    benchmark: 'fidelity',
    goals: /^files, sockets, timers, (.*): x ordinary Node$/,
  },
  {
    number: 'processes of the server killed at random moments, under load',
    goal: 'at least 1,000',
    benchmark: 'kill',
    goals: /^kill: kills$/,
  },
  {
    number: 'of that: callers without an answer while the server lived, things left behind, faults of the server',
    goal: 'none',
    benchmark: 'kill',
    goals: /^kill: (callers without an answer while the server lived|things left behind|faults of the server)$/,
  },
  {
    number: 'of that: functions that work afterwards',
    goal: 'all',
    benchmark: 'kill',
    goals: /^kill: functions that work afterwards$/,
  },
  {
    number: 'first invocations that had to wait for an instance to boot: records that say so, with its time',
    goal: 'all',
    benchmark: 'cold',
    goals: /^boot: records that say so, with its time$/,
  },
  {
    number: 'the same burst on a warming pool that is too small by half: answered',
    goal: 'all',
    benchmark: 'burst',
    goals: /^burst, pool too small by half: answered$/,
  },
  {
    number: 'cold starts of the default keep-alive policy, beside the best policy’s',
    goal: 'at most 1 x',
    benchmark: 'keepalive',
    goals: /^default policy: cold starts, x the best policy's$/,
  },
  {
    number:
      'a soak of 20 minutes with kills, of 200 functions, three accounts and all classes of capacity: calls refused; functions over their limits, sandboxes with two invocations, instances with two accounts',
    goal: 'none',
    benchmark: 'soak',
    goals:
      /^soak: (calls that the service refused|functions over their reserved concurrency|sandboxes with two invocations at once|instances seen with two accounts)$/,
  },
  {
    number: 'of that: calls that were answered',
    goal: 'all',
    benchmark: 'soak',
    goals: /^soak: calls that were answered, share$/,
  },
  {
    number: 'of that: bought capacity that was short because something was killed, at the longest',
    goal: 'at most 60 s',
    benchmark: 'soak',
    goals: /^soak: longest that (dedicated|reserved) capacity was short$/,
  },
  {
    number: 'of that: the server’s memory in the last quarter, beside the second',
    goal: 'flat: at most 1.15 x',
    benchmark: 'soak',
    goals: /^soak: the server's memory, last quarter x second$/,
  },
  {
    number: 'generated requests, valid and hostile: answers with 5xx but 501, answers that no client can read',
    goal: 'none of 100,000',
    benchmark: 'fuzz',
    goals: /^fuzz: (5xx|unreadable)$/,
  },
  {
    number: 'generated requests: growth of the server’s memory',
    goal: 'at most 64 MB',
    benchmark: 'fuzz',
    goals: /^fuzz: memory$/,
  },
  {
    number: 'placement decisions a second, 100,000 functions on 10,000 instances',
    goal: 'at least 200,000',
    benchmark: 'placement',
    goals: /^placement: decisions a second, 100,000 functions$/,
  },
  {
    number: 'placement decisions a second: 100,000 functions beside 1,000',
    goal: 'flat: at least 0.8 x',
    benchmark: 'placement',
    goals: /^placement: 100,000 functions(?: of one (account))?, x 1,000$/,
  },
  {
    number:
      'code update under full load, 20 in a row: failed requests, requests on old code after Successful, or staler than allowed',
    goal: 'none',
    benchmark: 'deploy',
    goals: /^deploy, (.*: (?:failed requests|on old code after Successful|staler than the bound))$/,
  },
  {
    number: 'cold starts over a trace of real calls, at the idle memory of a fixed keep-alive of 20 minutes, beside it',
    goal: 'at most 0.6 x',
    benchmark: 'keepalive',
    goals: /^break-even: cold starts at the idle memory/,
  },
  {
    number: 'code update under full load: p99 beside that without updates',
    goal: 'within 1.1 x',
    benchmark: 'deploy',
    goals: /^deploy, (.*): p99, x without deployments$/,
  },
  {
    number: '`hearth deploy --watch`: from a saved file to its first answer, p50',
    goal: 'at most 100 ms',
    benchmark: 'deploy',
    goals: /^deploy --watch: from a saved file to its first answer, p50$/,
  },
  { number: 'asynchronous events accepted a second, durable', goal: 'at least 5,000' },
];
