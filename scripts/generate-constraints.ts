/**
 * Makes packages/server/src/api/model/generated/SERVICE.json from botocore's description of each service that Hearth
 * answers, whose constraints (patterns, lengths, ranges, enumerations) the AWS SDK for JavaScript lacks. Names, numbers
 * and patterns are kept; documentation is not.
 *
 *     node scripts/generate-constraints.ts PATH/botocore/data VERSION
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** Of each service, by the name of its folder in the API: where botocore keeps it. */
const SERVICES = {
  lambda: 'lambda/2015-03-31',
  logs: 'logs/2014-03-28',
  sts: 'sts/2011-06-15',
} as const;

interface BotocoreShape {
  type: string;
  required?: string[];
  members?: Record<string, { shape: string }>;
  member?: { shape: string };
  key?: { shape: string };
  value?: { shape: string };
  min?: number;
  max?: number;
  pattern?: string;
  enum?: string[];
  sensitive?: boolean;
}

const [data, version] = process.argv.slice(2);
if (data === undefined || version === undefined) {
  console.error('usage: node scripts/generate-constraints.ts PATH/botocore/data BOTOCORE_VERSION');
  process.exit(2);
}
for (const [service, directory] of Object.entries(SERVICES)) {
  const shapes = readShapes(join(data, directory, 'service-2.json'));
  // One shape a line, so that a new release of botocore shows as a readable difference.
  const lines = Object.entries(shapes).map(([name, shape]) => `${JSON.stringify(name)}: ${JSON.stringify(shape)}`);
  const target = new URL(`../packages/server/src/api/model/generated/${service}.json`, import.meta.url);
  writeFileSync(target, `{"source": "botocore ${version}", "shapes": {\n${lines.join(',\n')}\n}}\n`);
  console.log(`${service}: ${lines.length} shapes`);
}

/** @param path with or without `.gz` at its end. */
function readShapes(path: string): Record<string, unknown> {
  const text = existsSync(path) ? readFileSync(path) : gunzipSync(readFileSync(`${path}.gz`));
  const model = JSON.parse(text.toString()) as { shapes: Record<string, BotocoreShape> };
  return Object.fromEntries(
    Object.keys(model.shapes)
      .sort()
      .map((name) => [name, constraintsOf(model.shapes[name]!)]),
  );
}

function constraintsOf(shape: BotocoreShape): object {
  return {
    type: shape.type,
    ...(shape.required?.length ? { required: shape.required } : {}),
    ...(shape.members
      ? { members: Object.fromEntries(Object.entries(shape.members).map(([member, to]) => [member, to.shape])) }
      : {}),
    ...(shape.member ? { member: shape.member.shape } : {}),
    ...(shape.key ? { key: shape.key.shape } : {}),
    ...(shape.value ? { value: shape.value.shape } : {}),
    ...(shape.min === undefined ? {} : { min: shape.min }),
    ...(shape.max === undefined ? {} : { max: shape.max }),
    ...(shape.pattern === undefined ? {} : { pattern: shape.pattern }),
    ...(shape.enum === undefined ? {} : { enum: shape.enum }),
    ...(shape.sensitive ? { sensitive: true } : {}),
  };
}
