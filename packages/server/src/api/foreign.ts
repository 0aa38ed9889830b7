import { AwsJson } from './protocols/aws-json.ts';
import type { Protocol, RequestHead } from './protocols/protocol.ts';
import { Query } from './protocols/query/query.ts';
import { RestJson } from './protocols/rest-json/rest-json.ts';
import { RestXmlErrors } from './protocols/rest-xml.ts';

const MODEL = { operations: new Map(), errors: new Map(), structures: new Map() };

const JSON_1_0 = new AwsJson('AWS', MODEL, { target: '', version: '1.0' });
const JSON_1_1 = new AwsJson('AWS', MODEL, { target: '', version: '1.1' });
const REST_JSON = new RestJson('AWS', MODEL);
const QUERY = new Query('AWS', MODEL, { version: '', namespace: 'http://webservices.amazon.com/AWSFault/2005-15-09' });
const REST_XML = new RestXmlErrors();

/** Services whose clients expect XML and send nothing that shows it. */
const XML_SERVICES = new Set(['s3', 's3express', 's3-outposts', 'route53', 'cloudfront']);

/**
 * How a client of a service that Hearth doesn't have expects errors to be written, as well as the request shows.
 *
 * @param signedFor the service.
 */
export function foreignErrors(signedFor: string, { headers, query }: RequestHead): Pick<Protocol, 'error'> {
  const type = headers['content-type'] ?? '';
  if (headers['x-amz-target'] !== undefined) return type.includes('json-1.0') ? JSON_1_0 : JSON_1_1;
  if (type.startsWith('application/x-www-form-urlencoded') || query.has('Action')) return QUERY;
  return XML_SERVICES.has(signedFor) ? REST_XML : REST_JSON;
}
