import type { FunctionUrlConfig } from '@aws-sdk/client-lambda';
import type { UrlConfiguration } from '../../../functions/urls.ts';
import { urlAddress } from '../../urls/address.ts';

/** A URL's configuration, with the address under which the caller reaches it. */
export function functionUrlConfig(host: string, { url, ...configuration }: UrlConfiguration): FunctionUrlConfig {
  return { FunctionUrl: urlAddress(host, url.id, url.function.region), ...configuration };
}
