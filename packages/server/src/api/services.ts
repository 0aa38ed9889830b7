import type { CodeLinks } from './lambda/code-link.ts';
import { LAMBDA } from './lambda/definition.ts';
import { lambdaService } from './lambda/service.ts';
import { LOGS } from './logs/definition.ts';
import { logsService } from './logs/service.ts';
import type { ApiPorts } from './ports.ts';
import type { Service, ServiceDefinition } from './service.ts';
import { STS } from './sts/definition.ts';
import { stsService } from './sts/service.ts';

/** All AWS services that Hearth answers. The first one gets what no request of another can be. */
export const SERVICES: readonly ServiceDefinition[] = [LAMBDA, LOGS, STS];

/** The same with what is behind them, in the same order. */
export function createServices(ports: ApiPorts, links: CodeLinks): readonly Service[] {
  return [lambdaService({ ...ports, links }), logsService(ports.logs), stsService(ports)];
}

/**
 * The variables by which AWS's SDKs and CLI learn where each of these services is, and no other service's.
 *
 * Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
 */
export const ENDPOINT_VARIABLES: readonly string[] = SERVICES.map(
  ({ sdkId }) => `AWS_ENDPOINT_URL_${sdkId.toUpperCase().replaceAll(' ', '_')}`,
);
