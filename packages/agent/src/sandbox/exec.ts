import { cpuShare, type FunctionSpec } from '@hearth/protocol';
import { turnedOff } from '../zygote/experimental.ts';
import { heapLimitMb, LEAST_SEMI_SPACE_MB, semiSpaceMb } from '../zygote/heap-sizes.ts';
import type { ExecOrder } from '../zygote/orders.ts';

/** Runs in the runtime's place, with its command line for arguments. */
export const WRAPPER = 'AWS_LAMBDA_EXEC_WRAPPER';

/** Variables that Node, its libraries or the loader read when a process starts: a forked one is past that. */
const READ_AT_START = [
  WRAPPER,
  'GLIBC_TUNABLES',
  'LD_LIBRARY_PATH',
  'LD_PRELOAD',
  'NODE_COMPILE_CACHE',
  'NODE_DEBUG',
  'NODE_EXTRA_CA_CERTS',
  'NODE_ICU_DATA',
  'NODE_NO_WARNINGS',
  'NODE_OPTIONS',
  'NODE_PENDING_DEPRECATION',
  'NODE_PRESERVE_SYMLINKS',
  'NODE_REDIRECT_WARNINGS',
  'NODE_USE_ENV_PROXY',
  'NODE_USE_SYSTEM_CA',
  'NODE_V8_COVERAGE',
  'OPENSSL_CONF',
  'SSL_CERT_DIR',
  'SSL_CERT_FILE',
  'TZ',
  'UV_THREADPOOL_SIZE',
];

/**
 * Whether a function's runtime must be started anew instead of forked, and how. What is forked runs as fast as an ordinary Node (`npm run bench --
 * fidelity`), with threads of V8's or without, as long as its young generation suits it: handlers with much data in work take four times as
 * long in one of 8 MB, measured with 1769 MB.
 *
 * @param zygote the instance's warm zygote of the runtime, undefined where there is none.
 * @returns undefined where forking serves.
 */
export function execOrder(
  spec: FunctionSpec,
  zygote: { readonly suitsLarge: boolean } | undefined,
): { order: ExecOrder; reason: string } | undefined {
  const reason = whyAnew(spec, zygote);
  return reason === undefined ? undefined : { order: { options: runtimeOptions(spec) }, reason };
}

function whyAnew(
  { environment, memoryMb, runtime }: FunctionSpec,
  zygote: { readonly suitsLarge: boolean } | undefined,
): string | undefined {
  const names = READ_AT_START.filter((name) => environment[name] !== undefined);
  if (names.length > 0) return `the function sets ${names.join(', ')}, which the runtime reads when it starts`;
  if (zygote === undefined) return `the instance has no warm zygote of ${runtime} yet`;
  if (!zygote.suitsLarge && semiSpaceMb(memoryMb) > LEAST_SEMI_SPACE_MB) {
    return `${memoryMb} MB want a larger young generation than forks of this Node can have`;
  }
  return undefined;
}

/** Heap limits that suit the function's memory; a single processor's worth of threads where it has no more; what AWS turns off. */
function runtimeOptions({ memoryMb, environment, runtime }: FunctionSpec): string[] {
  const own = environment['NODE_OPTIONS'] ?? '';
  const options = ['--no-warnings', ...turnedOff(runtime, own)];
  if (cpuShare(memoryMb) <= 1) options.push('--v8-pool-size=1');
  // What stands on the command line would win over NODE_OPTIONS. As on AWS, who sets one of these has V8's own default for the other.
  if (!/--max[-_](old|semi)[-_]space[-_]size/.test(own)) {
    options.push(`--max-old-space-size=${heapLimitMb(memoryMb)}`, `--max-semi-space-size=${semiSpaceMb(memoryMb)}`);
  }
  return options;
}
