import type { NormalizedSchema } from '@smithy/core/schema';
import { zipOneFile } from '../zip.ts';
import type { Random } from './random.ts';

/** How far from what AWS's clients send: only valid values, one wrong here and there, or wrong ones throughout. */
export type Temper = 'valid' | 'near' | 'hostile';

const ACCOUNT = '000000000000';
/** Few names, so that requests meet the functions of others. */
const NAMES = ['echo', 'fuzz-a', 'fuzz-b', 'fuzz-c'];
/** Packages, by what is in them. */
const ZIPS = ['1', '2'].map((text) =>
  zipOneFile('index.mjs', `export const handler = async () => ${text};`).toString('base64'),
);

/** Events may not be too old; and yet a seed should make the same requests when it is tried again. */
const TODAY = Math.floor(Date.now() / 86_400_000) * 86_400_000;

/** Values that AWS's model allows, by the member's name. */
const VALID: Readonly<Record<string, (random: Random) => unknown>> = {
  FunctionName: (random) => {
    const name = random.pick(NAMES.slice(1));
    return random.pick([
      name,
      name,
      name,
      `${ACCOUNT}:function:${name}`,
      `arn:aws:lambda:us-east-1:${ACCOUNT}:function:${name}`,
    ]);
  },
  Resource: (random) => `arn:aws:lambda:us-east-1:${ACCOUNT}:function:${random.pick(NAMES)}`,
  ZipFile: (random) => random.pick(ZIPS),
  Role: () => `arn:aws:iam::${ACCOUNT}:role/fuzz`,
  // The only one that every installation has without fetching it.
  Runtime: () => 'nodejs26.x',
  Handler: () => 'index.handler',
  Timeout: (random) => 1 + random.below(900),
  MemorySize: (random) => 128 + random.below(128),
  ReservedConcurrentExecutions: (random) => random.below(1_000),
  Description: (random) => 'd'.repeat(random.below(257)),
  MaxItems: (random) => 1 + random.below(60),
  Architectures: () => ['x86_64'],
  Size: (random) => 512 + random.below(10),
  PackageType: () => 'Zip',
  InvocationType: (random) => random.pick(['RequestResponse', 'DryRun', 'Event']),
  LogType: (random) => random.pick(['None', 'Tail']),
  FunctionVersion: () => 'ALL',
  Publish: () => false,
  logGroupName: (random) => `/aws/lambda/${random.pick(NAMES)}`,
  logStreamName: () => '2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef',
  logEvents: (random) =>
    Array.from({ length: 1 + random.below(3) }, (_, index) => ({ timestamp: TODAY + index, message: 'm' })),
  retentionInDays: (random) => random.pick([1, 3, 5, 30]),
  resourceArn: (random) => `arn:aws:logs:us-east-1:${ACCOUNT}:log-group:/aws/lambda/${random.pick(NAMES)}`,
  RoleArn: () => `arn:aws:iam::${ACCOUNT}:role/fuzz`,
  RoleSessionName: () => 'fuzz',
  DurationSeconds: (random) => 900 + random.below(2_700),
  limit: (random) => 1 + random.below(50),
};

/** Members that are left out even of valid requests, because what they ask for is refused as not built yet. */
const LEFT_OUT = new Set([
  'VpcConfig',
  'Layers',
  'FileSystemConfigs',
  'ImageConfig',
  'KMSKeyArn',
  'CodeSigningConfigArn',
]);

/** How often a member is there, if its valid values are known here and if they are not. */
const KNOWN: Readonly<Record<Temper, number>> = { valid: 1, near: 0.95, hostile: 0.9 };
const UNKNOWN: Readonly<Record<Temper, number>> = { valid: 0.02, near: 0.05, hostile: 0.5 };

const TEXTS = [
  '',
  ' ',
  '.',
  '..',
  '../../etc/passwd',
  '/',
  '%2e%2e%2f',
  '%00',
  '\u0000',
  'a\u0000b',
  '\ud800',
  '\u202e\ufeff',
  '☃'.repeat(100),
  '😀',
  "'; DROP TABLE functions; --",
  '${jndi:ldap://127.0.0.1}',
  '__proto__',
  'constructor',
  'toString',
  '$LATEST',
  'arn:aws:lambda:us-east-1:000000000000:function:echo',
  'arn:aws:lambda:eu-west-1:111111111111:function:echo:$LATEST',
  'a'.repeat(65),
  'a'.repeat(141),
  'a'.repeat(257),
  'a'.repeat(5_000),
  'a:'.repeat(70),
  'aws:',
  '\r\nx: y',
  '\t\n',
  '-1',
  'null',
  'true',
  'AAAA',
];
const NUMBERS = [
  0,
  -0,
  -1,
  1,
  0.5,
  127,
  128,
  899,
  901,
  10_241,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 53,
  -(2 ** 63),
  1e308,
  5e-324,
];

/** Any JSON at all. */
function anything(random: Random, depth = 0): unknown {
  switch (random.below(depth > 3 ? 5 : 8)) {
    case 0:
      return null;
    case 1:
      return random.chance(0.5);
    case 2:
      return random.pick(NUMBERS);
    case 3:
    case 4:
      return random.pick(TEXTS);
    case 5:
      return Array.from({ length: random.below(4) }, () => anything(random, depth + 1));
    case 6:
      return nested(random.below(2) === 0 ? 10 : 2_000);
    default:
      return Object.fromEntries(
        Array.from({ length: random.below(4) }, () => [random.pick(TEXTS), anything(random, depth + 1)]),
      );
  }
}

function nested(depth: number): unknown {
  let value: unknown = [];
  for (let level = 0; level < depth; level++) value = [value];
  return value;
}

/** A value for a member: of its type and its constraints, or not, as the temper has it. */
export function valueOf(random: Random, schema: NormalizedSchema, name: string, temper: Temper, depth = 0): unknown {
  const wrong = temper === 'hostile' ? 0.3 : temper === 'near' ? 0.04 : 0;
  if (random.chance(wrong)) return anything(random);
  const valid = VALID[name];
  if (valid !== undefined && !random.chance(wrong)) return valid(random);
  if (schema.isStructSchema()) return structure(random, schema, temper, depth + 1);
  if (schema.isListSchema()) {
    const count = random.chance(wrong) ? 200 : random.below(3);
    return Array.from({ length: count }, () => valueOf(random, schema.getValueSchema(), name, temper, depth + 1));
  }
  if (schema.isMapSchema()) {
    const count = random.chance(wrong) ? 60 : random.below(3);
    const key = () => (random.chance(wrong) ? random.pick(TEXTS) : `KEY_${random.below(100)}`);
    return Object.fromEntries(
      Array.from({ length: count }, () => [key(), valueOf(random, schema.getValueSchema(), '', temper, depth + 1)]),
    );
  }
  if (schema.isNumericSchema()) return random.chance(wrong) ? random.pick(NUMBERS) : random.below(100);
  if (schema.isBooleanSchema()) return random.chance(0.5);
  if (schema.isTimestampSchema()) return random.below(2 ** 31);
  if (schema.isBlobSchema()) return random.bytes(random.below(40)).toString('base64');
  return random.chance(wrong) ? random.pick(TEXTS) : `text-${random.below(10)}`;
}

/** Some or all members of a structure. */
export function structure(
  random: Random,
  schema: NormalizedSchema,
  temper: Temper,
  depth = 0,
): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, member] of schema.structIterator()) {
    if (temper === 'valid' && LEFT_OUT.has(name)) continue;
    const known = name in VALID || name === 'Code';
    // Structures hold themselves in some places.
    if (depth > 4 || !random.chance(known ? KNOWN[temper] : UNKNOWN[temper])) continue;
    result[name] = valueOf(random, member, name, temper, depth);
  }
  return result;
}

/** Text for where only text can stand: a path, a query, a header. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

export { TEXTS };
