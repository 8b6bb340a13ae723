// Owns the instance that tests of the node speak of: complete and valid, each part replaceable.

import { DIRECT, PARAVIRTUAL } from '@ironbark/core/io-profile.ts';
import type {
  InstanceIntent,
  MetadataIntent,
} from '@ironbark/protocol/internal/instance-messages.ts';

export function metadataIntent(changes: Partial<MetadataIntent> = {}): MetadataIntent {
  return {
    accountId: '123456789012',
    region: 'us-east-1',
    availabilityZone: 'us-east-1a',
    imageId: 'ami-0123456789abcdef0',
    instanceType: 't3.micro',
    reservationId: 'r-0123456789abcdef0',
    launchIndex: 0,
    launchedAt: '2026-11-22T10:00:00.000Z',
    hostname: 'ip-172-31-0-5.ec2.internal',
    keys: [{ name: 'me', openssh: 'ssh-ed25519 AAAA me\n' }],
    securityGroups: ['default'],
    securityGroupIds: ['sg-0123456789abcdef0'],
    vpcId: 'vpc-0123456789abcdef0',
    vpcCidr: '172.31.0.0/16',
    subnetCidr: '172.31.0.0/20',
    options: {
      endpoint: 'enabled',
      tokens: 'optional',
      hopLimit: 1,
      instanceTags: 'disabled',
    },
    tags: {},
    ...changes,
  };
}

export function instanceIntent(changes: Partial<InstanceIntent> = {}): InstanceIntent {
  return {
    id: 'i-0123456789abcdef0',
    generation: 1,
    power: 'running',
    forceStop: false,
    rebootCount: 0,
    vcpus: 2,
    memoryMib: 1024,
    image: {
      id: 'ami-0123456789abcdef0',
      root: {
        bucket: 'images',
        key: 'root',
        sizeBytes: 1,
        sha256: '0'.repeat(64),
        encoding: 'raw',
        unpackedBytes: 1,
      },
    },
    rootDisk: { sizeBytes: 1 << 30, deviceName: '/dev/vda', profile: DIRECT },
    interfaces: [
      {
        id: 'eni-0123456789abcdef0',
        deviceIndex: 0,
        macAddress: '02:aa:00:00:00:05',
        privateIp: '172.31.0.5',
        subnetId: 'subnet-0123456789abcdef0',
        profile: PARAVIRTUAL,
      },
    ],
    volumes: [],
    metadata: metadataIntent(),
    ...changes,
  };
}
