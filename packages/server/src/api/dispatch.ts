import { ApiError } from '@hearth/protocol';
import { foreignErrors } from './foreign.ts';
import type { Protocol, RequestHead } from './protocols/protocol.ts';
import type { Service } from './service.ts';

/** Whose a request is. */
export interface Destination {
  /** Undefined where Hearth doesn't have the service that was asked for. */
  readonly service: Service | undefined;
  /** The service's, or what the request's signature calls it. */
  readonly name: string;
  readonly protocol: Pick<Protocol, 'error'>;
}

/**
 * Finds the service that a request is for. All of them share one port, and AWS's clients say nowhere but in the
 * signature whom they mean.
 */
export class Dispatcher {
  readonly #bySigningName: ReadonlyMap<string, Destination>;
  readonly #all: readonly Destination[];

  /** @param services of which the first one gets what is nobody's. */
  constructor(services: readonly Service[]) {
    this.#all = services.map((service) => ({ service, name: service.name, protocol: service.protocol }));
    this.#bySigningName = new Map(this.#all.map((destination) => [destination.service!.signingName, destination]));
  }

  /** Where requests go that nothing shows to be anyone's: the first service. */
  get fallback(): Destination {
    return this.#all[0]!;
  }

  /**
   * @param signedFor the service in the signature's credential scope; undefined where there is no signature.
   * @returns undefined for an unsigned request that no service takes for its own.
   */
  find(signedFor: string | undefined, head: RequestHead): Destination | undefined {
    if (signedFor === undefined) return this.#all.find(({ service }) => service!.protocol.claims(head));
    return (
      this.#bySigningName.get(signedFor) ?? {
        service: undefined,
        name: signedFor,
        protocol: foreignErrors(signedFor, head),
      }
    );
  }

  /** The error for a request to a service that Hearth doesn't have. */
  unknown({ name }: Destination): ApiError {
    const known = [...this.#bySigningName.keys()].join(', ');
    return new ApiError(
      'NotImplementedException',
      `Hearth does not serve the AWS service ${JSON.stringify(name.slice(0, 100))}; it serves ${known}. Hint: name Hearth ` +
        "as the endpoint of these alone (AWS_ENDPOINT_URL_LAMBDA and so on, instead of AWS_ENDPOINT_URL), so that the others' requests go where they belong.",
    );
  }
}
