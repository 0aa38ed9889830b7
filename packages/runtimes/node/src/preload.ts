/** Modules that function code and its usual libraries load; loaded in the zygote, all its forks share them. */
const MODULES = [
  'assert',
  'async_hooks',
  'buffer',
  'child_process',
  'crypto',
  'dns',
  'dns/promises',
  'events',
  'fs',
  'fs/promises',
  'http',
  'http2',
  'https',
  'module',
  'net',
  'os',
  'path',
  'perf_hooks',
  'process',
  'querystring',
  'readline',
  'stream',
  'stream/promises',
  'stream/web',
  'string_decoder',
  'timers',
  'timers/promises',
  'tls',
  'tty',
  'url',
  'util',
  'util/types',
  'worker_threads',
  'zlib',
];

/** Globals that Node makes when they are first looked at. */
const LAZY_GLOBALS = [
  'AbortController',
  'Blob',
  'CompressionStream',
  'FormData',
  'Headers',
  'MessageChannel',
  'ReadableStream',
  'Request',
  'Response',
  'TextDecoderStream',
  'WebSocket',
  'crypto',
  'fetch',
  'structuredClone',
];

/** Loads the parts of Node that would otherwise be loaded again in each sandbox, into memory of its own. */
export function preload(): void {
  for (const name of MODULES) process.getBuiltinModule(name);
  for (const name of LAZY_GLOBALS) Reflect.get(globalThis, name);
  // `fetch` itself is loaded at its first use.
  void new Response('').headers;
  new URL('http://localhost/').searchParams.set('a', 'b');
}
