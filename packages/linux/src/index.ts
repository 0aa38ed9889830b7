export * from './architecture.ts';
export * from './libc.ts';
export * from './seccomp.ts';
export * from './cgroup/index.ts';
export * from './loop.ts';
