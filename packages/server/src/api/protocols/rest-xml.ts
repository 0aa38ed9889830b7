import type { ApiError, ErrorEntry } from '@hearth/protocol';
import { element, escapeXml } from './xml.ts';
import type { Answer, Protocol } from './protocol.ts';

/**
 * The errors of REST-XML, in the form that S3 has. No service that Hearth answers speaks it, but clients of S3 may ask.
 *
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#RESTErrorResponses
 */
export class RestXmlErrors implements Pick<Protocol, 'error'> {
  error({ code, message }: ApiError, { status }: ErrorEntry, requestId: string): Answer {
    const content = element('Code', code) + element('Message', escapeXml(message)) + element('RequestId', requestId);
    const body = `<?xml version="1.0" encoding="UTF-8"?>\n${element('Error', content)}`;
    return { status, headers: [], contentType: 'application/xml', body };
  }
}
