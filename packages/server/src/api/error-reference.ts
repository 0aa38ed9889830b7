/** Prints docs/reference/errors.md: `node packages/server/src/api/error-reference.ts > docs/reference/errors.md` */
import { ERRORS } from '@hearth/protocol';
import { MODELLED_ERRORS } from './model.ts';

/** The table of errors as a page for people. */
export function errorReference(): string {
  const rows = Object.entries(ERRORS).map(
    ([code, { status, fault, meaning, cure }]) =>
      `| \`${code}\`${MODELLED_ERRORS.has(code) ? '' : ' *'} | ${status} | ${fault} | ${meaning} | ${cure} |`,
  );
  return `${[
    '# Errors of the API',
    '',
    "Names, statuses and forms are those of AWS Lambda. Errors with a star are not in Lambda's own model: they are general",
    "errors of AWS's services, or Hearth's. The name is in the header `x-amzn-errortype`, the request id in `x-amzn-requestid`.",
    'This page is made from `packages/protocol/src/errors.ts`; a test compares the two.',
    '',
    '| error | status | whose fault | when | what to do |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n')}\n`;
}

if (import.meta.main) process.stdout.write(errorReference());
