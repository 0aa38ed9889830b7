/** Prints docs/reference/errors.md: `node packages/server/src/api/error-reference.ts > docs/reference/errors.md` */
import { ERRORS, SERVICE_ERRORS } from '@hearth/protocol';
import type { ErrorEntry } from '@hearth/protocol';
import { QUERY_NAMES } from './protocols/query/error-names.ts';
import { SERVICES } from './services.ts';

/** The tables of errors as a page for people. */
export function errorReference(): string {
  return `${[
    '# Errors of the API',
    '',
    "Names, statuses and forms are those of AWS. Errors with a star are not in the service's own model: they are general errors of AWS's",
    "services, or Hearth's. This page is made from `packages/protocol/src/errors.ts` and `service-errors.ts`; a test compares them.",
    '',
    'Where an answer has the name: Lambda in the header `x-amzn-errortype`; CloudWatch Logs in `__type` of the body and in that header; STS in the',
    'element `Code`. The request id is in `x-amzn-requestid`, and of STS in `RequestId` too.',
    '',
    '## Lambda, and all services',
    '',
    ...table('lambda', ERRORS),
    ...SERVICES.flatMap(({ name, sdkId }) => {
      const own = (SERVICE_ERRORS as Record<string, Record<string, ErrorEntry>>)[name];
      return own === undefined
        ? []
        : ['', `## ${sdkId}`, '', 'Beside the general ones, or instead of them:', '', ...table(name, own)];
    }),
    '',
    '## Names in STS',
    '',
    'STS speaks the query protocol, in which general errors have other names. Those that are not listed lose `Exception` at their end.',
    '',
    '| general name | in STS |',
    '| --- | --- |',
    ...Object.entries(QUERY_NAMES).map(([code, name]) => `| \`${code}\` | \`${name}\` |`),
  ].join('\n')}\n`;
}

function table(service: string, errors: Readonly<Record<string, ErrorEntry>>): string[] {
  const { model } = SERVICES.find(({ name }) => name === service)!;
  return [
    '| error | status | whose fault | when | what to do |',
    '| --- | --- | --- | --- | --- |',
    ...Object.entries(errors).map(
      ([code, { status, fault, meaning, cure }]) =>
        `| \`${code}\`${model.errors.has(code) ? '' : ' *'} | ${status} | ${fault} | ${meaning} | ${cure} |`,
    ),
  ];
}

if (import.meta.main) process.stdout.write(errorReference());
