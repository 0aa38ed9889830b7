import type { Operation, Shape } from './model.ts';

/** What goes over the wire for the output of an operation. */
export interface Answer {
  readonly status: number;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  /** Undefined where the operation's answer has no body. */
  readonly body: string | undefined;
}

/** Source: https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html */
export function writeOutput(operation: Operation, output: Readonly<Record<string, unknown>>): Answer {
  let { status } = operation;
  const headers: string[] = [];
  const document: Record<string, unknown> = {};
  for (const member of operation.output.members.values()) {
    const value = output[member.name];
    if (value === undefined || value === null) continue;
    if (member.location === 'status') status = value as number;
    else if (member.location === 'header') headers.push(member.wireName, `${value as string | number | boolean}`);
    else document[member.wireName] = writeValue(member.shape, value);
  }
  return { status, headers, body: status === 204 ? undefined : JSON.stringify(document) };
}

function writeValue(shape: Shape, value: unknown): unknown {
  if (value === undefined || value === null) return undefined;
  switch (shape.kind) {
    case 'timestamp':
      return (value as Date).getTime() / 1000;
    case 'blob':
      return Buffer.from(value as Uint8Array).toString('base64');
    case 'list':
      return (value as readonly unknown[]).map((item) => writeValue(shape.value, item));
    case 'map':
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, writeValue(shape.value, item)]));
    case 'structure': {
      const document: Record<string, unknown> = {};
      for (const member of shape.members.values()) {
        const item = writeValue(member.shape, (value as Record<string, unknown>)[member.name]);
        if (item !== undefined) document[member.wireName] = item;
      }
      return document;
    }
    default:
      return value;
  }
}
