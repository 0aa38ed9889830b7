/**
 * The words of this code base. Every name in every room uses them in this sense.
 *
 * | word           | meaning |
 * | -------------- | ------- |
 * | account        | the tenant: a 12-digit id, credentials, limits; nothing is ever shared between accounts |
 * | function       | as in AWS Lambda; a version is `$LATEST` or a number |
 * | sandbox        | one execution environment: runs one invocation at a time, of one function version |
 * | slot           | what a sandbox needs that is slow to make: uid, cgroups, network namespace, `/tmp` volume; used again after its sandbox |
 * | instance       | a bounded amount of memory and CPU, belonging to at most one account at a time, holding sandboxes |
 * | provider       | what makes instances: `local` is Linux namespaces on this machine |
 * | agent          | our process inside an instance: makes and destroys sandboxes, caches code |
 * | zygote         | a process in an instance with a language runtime booted and warmed, from which sandboxes are forked |
 * | spare          | a sandbox forked ahead of demand, runtime ready, no user code yet |
 * | root           | the read-only file tree that a sandbox sees, a named image |
 * | warming pool   | instances that execute nothing yet, in sub-pools: `general` belongs to no account, the others to an account that has bought them |
 * | purchase       | capacity that an account has bought, of class `dedicated`, `reserved` or `variable`; it has a sub-pool of its own |
 * | holding        | the instances that an account has out of one sub-pool while they are in use, and what may run on them |
 * | active pool    | instances assigned to an account |
 * | start path     | how an invocation got its sandbox: `warm`, `spare`, `fork`, `exec` |
 * | instance step  | what the instance of a new sandbox needed: `active`, `warming`, `boot` |
 * | lease          | the right to run one invocation in one sandbox; ended by response, error, time-out or loss |
 * | committed memory | what placement counts: the full limit of a sandbox that executes, the memory used of an idle one |
 */
export type SandboxState = 'starting' | 'spare' | 'initialising' | 'idle' | 'executing' | 'shutting-down' | 'dead';

export type InstanceState = 'provisioning' | 'warm' | 'active' | 'draining' | 'terminated';

export type StartPath = 'warm' | 'spare' | 'fork' | 'exec';

export type InstanceStep = 'active' | 'warming' | 'boot';
