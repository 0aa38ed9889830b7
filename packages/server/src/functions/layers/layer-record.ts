import type { CodeRef } from '@hearth/protocol';

/** Which layer: there is one of each name per account and region. */
export interface LayerId {
  /** 12 digits. */
  readonly account: string;
  readonly region: string;
  readonly name: string;
}

export interface LayerVersionId extends LayerId {
  /** From 1. */
  readonly version: number;
}

/** A layer version as it is stored: the whole truth about it apart from the bytes of its archive. JSON. */
export interface LayerVersionRecord extends LayerVersionId {
  readonly code: CodeRef;
  /** Bytes of all its files. */
  readonly unzippedSize: number;
  readonly description: string;
  readonly licenseInfo?: string;
  /** For people and filters: a function may use it whatever runtime and architecture it has, as on AWS. */
  readonly compatibleRuntimes?: readonly string[];
  readonly compatibleArchitectures?: readonly string[];
  /** Milliseconds since the epoch. */
  readonly created: number;
  /** Who else may use it; absent where nobody may. */
  readonly policy?: LayerPolicy;
}

/** Allows somebody to use a layer version. */
export interface LayerStatement {
  readonly sid: string;
  /** An account's id, or `*` for all. */
  readonly principal: string;
}

export interface LayerPolicy {
  readonly statements: readonly LayerStatement[];
  /** A UUID, new with each change. */
  readonly revisionId: string;
}

/** A layer version as a function keeps it: enough to run and show the function when the version has been deleted. */
export interface LayerRef extends CodeRef {
  /** The version's. */
  readonly arn: string;
  readonly unzippedSize: number;
}
