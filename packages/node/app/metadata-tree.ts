// Owns what an instance may read about itself: the tree of EC2's instance metadata, made from its intent alone.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html
// Items that would not be true here (public addresses, signatures) are absent.

import type {
  InstanceIntent,
  InterfaceIntent,
} from '@ironbark/protocol/internal/instance-messages.ts';

export interface MetadataDirectory {
  kind: 'directory';
  children: ReadonlyMap<string, MetadataNode>;
  /** How a child is listed; directories with a final slash unless the directory has its own way. */
  label: (name: string, child: MetadataNode) => string;
}

export interface MetadataLeaf {
  kind: 'leaf';
  bytes: Uint8Array;
  contentType: 'text/plain' | 'application/octet-stream';
}

export type MetadataNode = MetadataDirectory | MetadataLeaf;

/** The tree below a version: `meta-data`, `dynamic` and, where the user gave some, `user-data`. */
export function buildMetadataTree(instance: InstanceIntent): MetadataDirectory {
  const { userData } = instance.metadata;
  const entries = {
    dynamic: directory({
      'instance-identity': directory({ document: leaf(identityDocument(instance)) }),
    }),
    'meta-data': metaData(instance),
    'user-data': userData === undefined ? undefined : bytesLeaf(Buffer.from(userData, 'base64')),
  };
  return directory(entries, (name) => name);
}

/** The node at a path, or undefined. */
export function findMetadata(
  root: MetadataDirectory,
  path: readonly string[],
): MetadataNode | undefined {
  let node: MetadataNode | undefined = root;
  for (const name of path) {
    if (node?.kind !== 'directory') return undefined;
    node = node.children.get(name);
  }
  return node;
}

export function renderListing({ children, label }: MetadataDirectory): string {
  return [...children].map(([name, child]) => label(name, child)).join('\n');
}

function metaData(instance: InstanceIntent): MetadataDirectory {
  const { metadata } = instance;
  const primary = primaryInterface(instance);
  return directory({
    'ami-id': leaf(metadata.imageId),
    'ami-launch-index': leaf(String(metadata.launchIndex)),
    'ami-manifest-path': leaf('(unknown)'),
    'block-device-mapping': blockDevices(instance),
    hostname: leaf(metadata.hostname),
    iam: roleDirectory(metadata),
    'instance-action': leaf('none'),
    'instance-id': leaf(instance.id),
    'instance-life-cycle': leaf('on-demand'),
    'instance-type': leaf(metadata.instanceType),
    ipv6: optionalLeaf(primary?.ipv6Addresses?.[0]),
    'local-hostname': leaf(metadata.hostname),
    'local-ipv4': optionalLeaf(primary?.privateIp),
    mac: optionalLeaf(primary?.macAddress),
    network: directory({ interfaces: directory({ macs: interfaces(instance) }) }),
    placement: directory({
      'availability-zone': leaf(metadata.availabilityZone),
      region: leaf(metadata.region),
    }),
    profile: leaf('default-hvm'),
    'public-keys': publicKeys(instance),
    'reservation-id': leaf(metadata.reservationId),
    'security-groups': leaf(metadata.securityGroups.join('\n')),
    services: directory({ domain: leaf('amazonaws.com'), partition: leaf('aws') }),
    tags: tags(instance),
  });
}

function primaryInterface(instance: InstanceIntent): InterfaceIntent | undefined {
  return instance.interfaces.toSorted((a, b) => a.deviceIndex - b.deviceIndex)[0];
}

/** By which its guest is known. */
export function primaryAddress(instance: InstanceIntent): string {
  return primaryInterface(instance)?.privateIp ?? '';
}

/** EC2 lists the root disk as `ami` and `root`, and volumes as `ebs1` onwards. */
function blockDevices({ rootDisk, volumes }: InstanceIntent): MetadataDirectory {
  const others = volumes.filter(({ volumeId }) => volumeId !== rootDisk.volumeId);
  const names = others.map(({ deviceName }) => deviceName).toSorted();
  const short = (deviceName: string) => deviceName.replace(/^\/dev\//, '');
  return directory({
    ami: leaf(short(rootDisk.deviceName)),
    ...Object.fromEntries(names.map((name, index) => [`ebs${index + 1}`, leaf(short(name))])),
    root: leaf(rootDisk.deviceName),
  });
}

function interfaces(instance: InstanceIntent): MetadataDirectory {
  const entries = instance.interfaces.map((one) => [one.macAddress, anInterface(instance, one)]);
  return directory(Object.fromEntries(entries) as Record<string, MetadataNode>);
}

function anInterface({ metadata }: InstanceIntent, one: InterfaceIntent): MetadataDirectory {
  const { securityGroups, securityGroupIds, subnetCidr } = { ...metadata, ...one };
  const { ipv6Addresses, subnetIpv6Cidr } = one;
  return directory({
    'device-number': leaf(String(one.deviceIndex)),
    'interface-id': leaf(one.id),
    ipv6s: optionalLeaf(ipv6Addresses?.join('\n')),
    'local-hostname': leaf(one.hostname ?? metadata.hostname),
    'local-ipv4s': leaf((one.privateIps ?? [one.privateIp]).join('\n')),
    mac: leaf(one.macAddress),
    'owner-id': leaf(metadata.accountId),
    'security-group-ids': leaf(securityGroupIds.join('\n')),
    'security-groups': leaf(securityGroups.join('\n')),
    'subnet-id': leaf(one.subnetId),
    'subnet-ipv4-cidr-block': leaf(subnetCidr),
    'subnet-ipv6-cidr-blocks': optionalLeaf(subnetIpv6Cidr),
    'vpc-id': leaf(metadata.vpcId),
    'vpc-ipv4-cidr-block': leaf(metadata.vpcCidr),
    'vpc-ipv4-cidr-blocks': leaf(metadata.vpcCidr),
  });
}

/** "Retrieve security credentials from instance metadata": EC2 User Guide. */
function roleDirectory({ role }: InstanceIntent['metadata']): MetadataDirectory | undefined {
  if (role === undefined) return undefined;
  const LastUpdated = role.issuedAt.replace(/\.\d+Z$/, 'Z');
  const info = {
    Code: 'Success',
    LastUpdated,
    InstanceProfileArn: role.profileArn,
    InstanceProfileId: role.profileId,
  };
  const credentials = {
    Code: 'Success',
    LastUpdated,
    Type: 'AWS-HMAC',
    AccessKeyId: role.accessKeyId,
    SecretAccessKey: role.secretAccessKey,
    Token: role.token,
    Expiration: role.expiresAt.replace(/\.\d+Z$/, 'Z'),
  };
  return directory({
    info: leaf(JSON.stringify(info, null, 2)),
    'security-credentials': directory({
      [role.roleName]: leaf(JSON.stringify(credentials, null, 2)),
    }),
  });
}

/** Keys are numbered, and the list tells their names: `0=my-key`. */
function publicKeys({ metadata: { keys } }: InstanceIntent): MetadataDirectory | undefined {
  if (keys.length === 0) return undefined;
  const entries = keys.map(({ openssh }, index) => [
    String(index),
    directory({ 'openssh-key': leaf(openssh.trim()) }),
  ]);
  const label = (index: string) => `${index}=${keys[Number(index)]!.name}`;
  return directory(Object.fromEntries(entries) as Record<string, MetadataNode>, label);
}

/** EC2 refuses other keys when tags are shown in metadata, for they are parts of a path there. */
const PATH_SAFE_TAG = /^(?!\.{1,2}$|_index$)[\p{L}\p{N}+\-=.,_:@]+$/u;

function tags({ metadata }: InstanceIntent): MetadataDirectory | undefined {
  if (metadata.options.instanceTags !== 'enabled') return undefined;
  const shown = Object.entries(metadata.tags).filter(([key]) => PATH_SAFE_TAG.test(key));
  const entries = Object.fromEntries(shown.map(([key, value]) => [key, leaf(value)]));
  return directory({ instance: directory(entries) });
}

/** Unsigned, unlike EC2's: nothing outside may trust it. */
function identityDocument(instance: InstanceIntent): string {
  const { metadata } = instance;
  const document = {
    accountId: metadata.accountId,
    architecture: 'x86_64',
    availabilityZone: metadata.availabilityZone,
    billingProducts: null,
    devpayProductCodes: null,
    marketplaceProductCodes: null,
    imageId: metadata.imageId,
    instanceId: instance.id,
    instanceType: metadata.instanceType,
    kernelId: null,
    pendingTime: metadata.launchedAt.replace(/\.\d+Z$/, 'Z'),
    privateIp: primaryInterface(instance)?.privateIp ?? null,
    ramdiskId: null,
    region: metadata.region,
    version: '2017-09-30',
  };
  return JSON.stringify(document, null, 2);
}

function directory(
  entries: Readonly<Record<string, MetadataNode | undefined>>,
  label: MetadataDirectory['label'] = slashLabel,
): MetadataDirectory {
  const present = Object.entries(entries).filter(
    (entry): entry is [string, MetadataNode] => entry[1] !== undefined,
  );
  return { kind: 'directory', children: new Map(present), label };
}

function slashLabel(name: string, child: MetadataNode): string {
  return child.kind === 'directory' ? `${name}/` : name;
}

function leaf(text: string): MetadataLeaf {
  return { kind: 'leaf', bytes: Buffer.from(text), contentType: 'text/plain' };
}

function optionalLeaf(text: string | undefined): MetadataLeaf | undefined {
  return text === undefined ? undefined : leaf(text);
}

function bytesLeaf(bytes: Uint8Array): MetadataLeaf {
  return { kind: 'leaf', bytes, contentType: 'application/octet-stream' };
}
