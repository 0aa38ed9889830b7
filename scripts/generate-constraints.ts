/**
 * Makes packages/server/src/api/generated/constraints.json from botocore's description of Lambda's API, whose
 * constraints (patterns, lengths, ranges, enumerations) the AWS SDK for JavaScript lacks. Names, numbers and patterns
 * are kept; documentation is not.
 *
 *     node scripts/generate-constraints.ts PATH/botocore/data/lambda/2015-03-31/service-2.json[.gz] VERSION
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

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

const [path, version] = process.argv.slice(2);
if (path === undefined || version === undefined) {
  console.error('usage: node scripts/generate-constraints.ts PATH/service-2.json[.gz] BOTOCORE_VERSION');
  process.exit(2);
}
const bytes = readFileSync(path);
const model = JSON.parse((path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()) as {
  shapes: Record<string, BotocoreShape>;
};

const shapes: Record<string, unknown> = {};
for (const name of Object.keys(model.shapes).sort()) {
  const shape = model.shapes[name]!;
  shapes[name] = {
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
// One shape a line, so that a new release of botocore shows as a readable difference.
const lines = Object.entries(shapes).map(([name, shape]) => `${JSON.stringify(name)}: ${JSON.stringify(shape)}`);
const target = new URL('../packages/server/src/api/generated/constraints.json', import.meta.url);
writeFileSync(target, `{"source": "botocore ${version}", "shapes": {\n${lines.join(',\n')}\n}}\n`);
console.log(`${lines.length} shapes`);
