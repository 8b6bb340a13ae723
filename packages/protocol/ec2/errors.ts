// Owns EC2's error codes: which one answers each kind of error about each resource.
// Source: "Error codes for the Amazon EC2 API" in the EC2 API Reference; statuses 400 unless a row says why.

import type { ErrorTable, WireCode } from '../query/wire-errors.ts';

/** Where EC2 has no code of its own for a combination, the nearest documented one stands. */
export const EC2_ERRORS: ErrorTable = {
  'not-found': {
    any: bad('InvalidParameterValue'),
    instance: bad('InvalidInstanceID.NotFound'),
    volume: bad('InvalidVolume.NotFound'),
    'volume-modification': bad('InvalidVolumeModification.NotFound'),
    snapshot: bad('InvalidSnapshot.NotFound'),
    image: bad('InvalidAMIID.NotFound'),
    'key-pair': bad('InvalidKeyPair.NotFound'),
    'network-interface': bad('InvalidNetworkInterfaceID.NotFound'),
    vpc: bad('InvalidVpcID.NotFound'),
    subnet: bad('InvalidSubnetID.NotFound'),
    'security-group': bad('InvalidGroup.NotFound'),
    'security-group-rule': bad('InvalidSecurityGroupRuleId.NotFound'),
    'availability-zone': bad('InvalidZone.NotFound'),
    'instance-type': bad('InvalidInstanceType'),
    reservation: bad('InvalidReservationID.NotFound'),
    attachment: bad('InvalidAttachment.NotFound'),
    address: bad('InvalidAddress.NotFound'),
    action: bad('InvalidAction'),
  },
  'malformed-id': {
    any: bad('InvalidParameterValue'),
    instance: bad('InvalidInstanceID.Malformed'),
    volume: bad('InvalidVolumeID.Malformed'),
    snapshot: bad('InvalidSnapshotID.Malformed'),
    image: bad('InvalidAMIID.Malformed'),
    'key-pair': bad('InvalidKeyPair.Format'),
    'network-interface': bad('InvalidNetworkInterfaceId.Malformed'),
    vpc: bad('InvalidVpcID.Malformed'),
    subnet: bad('InvalidSubnetID.Malformed'),
    'security-group': bad('InvalidGroupId.Malformed'),
    'security-group-rule': bad('InvalidSecurityGroupRuleId.Malformed'),
    reservation: bad('InvalidReservationID.Malformed'),
    address: bad('InvalidAddress.Malformed'),
    tag: bad('InvalidID'),
  },
  duplicate: {
    any: bad('InvalidParameterValue'),
    'key-pair': bad('InvalidKeyPair.Duplicate'),
    'security-group': bad('InvalidGroup.Duplicate'),
    image: bad('InvalidAMIName.Duplicate'),
    volume: bad('InvalidVolumeID.Duplicate'),
    snapshot: bad('InvalidSnapshotID.Duplicate'),
  },
  'incorrect-state': {
    any: bad('IncorrectState'),
    instance: bad('IncorrectInstanceState'),
    'volume-modification': bad('IncorrectModificationState'),
    image: bad('InvalidAMIID.Unavailable'),
    'encryption-key': bad('InvalidKMSKey.InvalidState'),
  },
  'in-use': {
    any: bad('DependencyViolation'),
    volume: bad('VolumeInUse'),
    snapshot: bad('InvalidSnapshot.InUse'),
    'network-interface': bad('InvalidNetworkInterface.InUse'),
    address: bad('InvalidIPAddress.InUse'),
    device: bad('InvalidParameterValue'),
  },
  'dependency-violation': {
    any: bad('DependencyViolation'),
    snapshot: bad('InvalidSnapshot.InUse'),
  },
  'already-attached': {
    any: bad('Resource.AlreadyAssociated'),
    volume: bad('VolumeInUse'),
    'network-interface': bad('InvalidNetworkInterface.InUse'),
  },
  'not-attached': { any: bad('IncorrectState'), attachment: bad('InvalidAttachment.NotFound') },
  'zone-mismatch': {
    any: bad('InvalidParameterCombination'),
    volume: bad('InvalidVolume.ZoneMismatch'),
  },
  'missing-parameter': {
    any: bad('MissingParameter'),
    action: bad('MissingAction'),
    signature: bad('IncompleteSignature'),
  },
  'invalid-parameter': {
    any: bad('InvalidParameterValue'),
    'page-token': bad('InvalidNextToken'),
    'block-device-mapping': bad('InvalidBlockDeviceMapping'),
    'user-data': bad('InvalidUserData.Malformed'),
    'key-pair': bad('InvalidKeyPair.Format'),
    image: bad('InvalidAMIName.Malformed'),
  },
  'invalid-combination': {
    any: bad('InvalidParameterCombination'),
    'encryption-key': bad('InvalidParameterDependency'),
    signature: auth('AuthFailure'),
  },
  'unknown-parameter': { any: bad('UnknownParameter') },
  'malformed-input': {
    any: bad('MalformedQueryString'),
    signature: auth('AuthFailure'),
    'user-data': bad('InvalidUserData.Malformed'),
  },
  'operation-not-permitted': { any: bad('OperationNotPermitted') },
  'idempotency-mismatch': { any: bad('IdempotentParameterMismatch') },
  'limit-exceeded': {
    any: bad('ResourceLimitExceeded'),
    instance: bad('InstanceLimitExceeded'),
    volume: bad('VolumeLimitExceeded'),
    snapshot: bad('SnapshotLimitExceeded'),
    image: bad('AMIQuotaExceeded'),
    'key-pair': bad('KeyPairLimitExceeded'),
    'network-interface': bad('NetworkInterfaceLimitExceeded'),
    vpc: bad('VpcLimitExceeded'),
    subnet: bad('SubnetLimitExceeded'),
    'security-group': bad('SecurityGroupLimitExceeded'),
    address: bad('AddressLimitExceeded'),
    attachment: bad('AttachmentLimitExceeded'),
    tag: bad('TagLimitExceeded'),
    filter: bad('FilterLimitExceeded'),
    request: bad('InvalidParameterValue'),
  },
  'insufficient-capacity': {
    any: [`InsufficientCapacity`, 500],
    instance: ['InsufficientInstanceCapacity', 500],
    'instance-type': ['InsufficientInstanceCapacity', 500],
    node: ['InsufficientInstanceCapacity', 500],
    host: ['InsufficientHostCapacity', 500],
    volume: ['InsufficientVolumeCapacity', 500],
    address: ['InsufficientAddressCapacity', 500],
    subnet: bad('InsufficientFreeAddressesInSubnet'),
  },
  'not-authenticated': {
    any: auth('AuthFailure'),
    request: ['MissingAuthenticationToken', 403],
    'request-time': bad('RequestExpired'),
  },
  'not-authorized': {
    any: ['UnauthorizedOperation', 403],
    signature: auth('AuthFailure'),
    'request-time': bad('RequestExpired'),
  },
  'dry-run': { any: ['DryRunOperation', 412] },
  'unknown-action': { any: bad('InvalidAction') },
  unsupported: {
    any: bad('UnsupportedOperation'),
    request: bad('UnsupportedProtocol'),
    signature: bad('IncompleteSignature'),
  },
  throttled: { any: ['RequestLimitExceeded', 503] },
  unavailable: { any: ['Unavailable', 503] },
  'out-of-space': {
    any: ['InsufficientCapacity', 500],
    volume: ['InsufficientVolumeCapacity', 500],
    instance: ['InsufficientInstanceCapacity', 500],
  },
  'precondition-failed': { any: bad('IncorrectState') },
  'not-modified': { any: bad('IncorrectState') },
  'digest-mismatch': { any: bad('InvalidParameterValue'), signature: auth('AuthFailure') },
  'too-large': { any: bad('InvalidParameterValue'), request: ['RequestEntityTooLarge', 413] },
  'too-small': { any: bad('InvalidParameterValue') },
  'invalid-range': { any: bad('InvalidParameterValue') },
  timeout: { any: ['Unavailable', 503], request: ['RequestTimeout', 408] },
  internal: { any: ['InternalError', 500] },
};

function bad(code: string): WireCode {
  return [code, 400];
}

/** EC2 answers 401 where the caller could not be told apart from a stranger. */
function auth(code: string): WireCode {
  return [code, 401];
}
