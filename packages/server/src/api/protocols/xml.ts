import type { Shape } from '../model/schema.ts';

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#xD;',
  '\n': '&#xA;',
  '\t': '&#x9;',
};

/** What XML 1.0 has no way to write, not even escaped: https://www.w3.org/TR/xml/#charsets */
function isImpossible(character: string): boolean {
  return character >= '\uFFFE' || (character < ' ' && !'\t\n\r'.includes(character));
}

/** Text as it stands between two tags. What XML can't hold becomes U+FFFD. */
export function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\uFFFE\uFFFF]/gu, (character) => (isImpossible(character) ? '\uFFFD' : character))
    .replaceAll(/[&<>"\r\n\t]/g, (character) => ESCAPES[character]!);
}

export function element(name: string, content: string): string {
  return `<${name}>${content}</${name}>`;
}

/**
 * A value in the form of the SDK's types as the content of an element.
 *
 * Source: https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#response-serialization
 */
export function writeXml(shape: Shape, value: unknown): string {
  switch (shape.kind) {
    case 'structure':
      return [...shape.members.values()]
        .map(({ name, wireName, shape: of }) => optional(wireName, of, (value as Record<string, unknown>)[name]))
        .join('');
    case 'list':
      return (value as readonly unknown[]).map((item) => optional('member', shape.value, item)).join('');
    case 'map':
      return Object.entries(value as object)
        .map(([key, item]) => element('entry', element('key', escapeXml(key)) + optional('value', shape.value, item)))
        .join('');
    case 'timestamp':
      return (value as Date).toISOString().replace('.000Z', 'Z');
    case 'blob':
      return Buffer.from(value as Uint8Array).toString('base64');
    default:
      return escapeXml(String(value));
  }
}

function optional(name: string, shape: Shape, value: unknown): string {
  return value === undefined || value === null ? '' : element(name, writeXml(shape, value));
}
