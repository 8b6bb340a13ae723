// Owns ServiceError: the one error that a caller of the cloud may see, public and private parts kept apart.

/** Why a request cannot be served. Wire codes are derived from this in `protocol`, nowhere else. */
export type ErrorKind =
  | 'not-found'
  | 'malformed-id'
  | 'duplicate'
  | 'incorrect-state'
  | 'in-use'
  | 'dependency-violation'
  | 'already-attached'
  | 'not-attached'
  | 'zone-mismatch'
  | 'missing-parameter'
  | 'invalid-parameter'
  | 'invalid-combination'
  | 'unknown-parameter'
  | 'malformed-input'
  | 'operation-not-permitted'
  | 'idempotency-mismatch'
  | 'limit-exceeded'
  | 'insufficient-capacity'
  | 'not-authenticated'
  | 'not-authorized'
  | 'dry-run'
  | 'unknown-action'
  | 'unsupported'
  | 'throttled'
  | 'unavailable'
  | 'out-of-space'
  | 'precondition-failed'
  | 'not-modified'
  | 'digest-mismatch'
  | 'too-large'
  | 'too-small'
  | 'invalid-range'
  | 'timeout'
  | 'internal';

/** The noun an error is about. With the kind it selects the wire code. */
export type ErrorResource =
  | 'instance'
  | 'vcpu'
  | 'volume'
  | 'volume-modification'
  | 'snapshot'
  | 'image'
  | 'launch-permission'
  | 'image-attribute'
  | 'launch-template'
  | 'launch-template-name'
  | 'launch-template-version'
  | 'placement-group'
  | 'profile-association'
  | 'key-pair'
  | 'network-interface'
  | 'vpc'
  | 'subnet'
  | 'security-group'
  | 'security-group-rule'
  | 'permission'
  | 'vpc-cidr-association'
  | 'subnet-cidr-association'
  | 'egress-only-gateway'
  | 'default-vpc'
  | 'default-subnet'
  | 'internet-gateway'
  | 'gateway'
  | 'route-table'
  | 'route'
  | 'route-table-association'
  | 'allocation'
  | 'address-association'
  | 'nat-gateway'
  | 'vpc-peering-connection'
  | 'flow-log'
  | 'vpc-peering-request'
  | 'network-acl'
  | 'network-acl-entry'
  | 'network-acl-association'
  | 'dhcp-options'
  | 'interface-attachment'
  | 'private-address'
  | 'availability-zone'
  | 'region'
  | 'instance-type'
  | 'reservation'
  | 'attachment'
  | 'device'
  | 'block-device-mapping'
  | 'user-data'
  | 'tag'
  | 'filter'
  | 'page-token'
  | 'max-results'
  | 'lookup-attributes'
  | 'time-range'
  | 'metric-query'
  | 'client-token'
  | 'address'
  | 'encryption-key'
  | 'action'
  | 'account'
  | 'user'
  | 'access-key'
  | 'signature'
  | 'security-token'
  | 'authorization-message'
  | 'request-time'
  | 'request'
  | 'content-length'
  | 'bucket'
  | 'bucket-configuration'
  | 'acl'
  | 'policy'
  | 'object-lock'
  | 'encryption'
  | 'log-target'
  | 'storage-class'
  | 'cross-origin'
  | 'form'
  | 'object'
  | 'object-version'
  | 'upload'
  | 'part'
  | 'part-order'
  | 'checksum'
  | 'copy-source'
  | 'location'
  | 'xml'
  | 'node'
  | 'host';

export interface ServiceErrorOptions {
  kind: ErrorKind;
  resource: ErrorResource;
  /** A sentence for the caller: what is wrong and what to do. No secrets, paths or internals. */
  message: string;
  /** Extra public facts that a protocol may render (S3: BucketName, Key, ...). */
  details?: Readonly<Record<string, string>>;
  /** The inside story, for the log only. */
  cause?: unknown;
}

/** An operating error with a public message. Anything else that is thrown is a bug. */
export class ServiceError extends Error {
  readonly kind: ErrorKind;
  readonly resource: ErrorResource;
  readonly details: Readonly<Record<string, string>>;

  constructor(options: ServiceErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ServiceError';
    this.kind = options.kind;
    this.resource = options.resource;
    this.details = options.details ?? {};
  }
}

export function isServiceError(error: unknown, kind?: ErrorKind): error is ServiceError {
  return error instanceof ServiceError && (kind === undefined || error.kind === kind);
}
