// Owns the tests of the renewal of instances' credentials, page by page.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@ironbark/platform/random.ts';
import { insertNamed } from '../../store/iam-names.ts';
import { insertAssociation } from '../../store/instance-profiles.ts';
import { insertInstance } from '../../store/instances.ts';
import { openStore, type Queries } from '../../store/store.ts';
import { trustOf } from '../../testing/iam-lab.ts';
import { ensureAccount } from '../bootstrap.ts';
import type { Change } from '../change.ts';
import { renewCredentials } from './profile-associations.ts';

const ACCOUNT = '123456789012';
const random = seededRandom(1);

async function addProfile(tx: Queries, name: string, service: string): Promise<void> {
  const named = { accountId: ACCOUNT, name, path: '/', createdAt: 1 };
  await insertNamed(tx, 'role', {
    ...{ id: `role-${name}`, ...named, description: null, maxSessionSeconds: 3_600 },
    ...{ trustPolicy: trustOf({ Principal: { Service: service } }) },
    ...{ boundaryArn: null, lastUsedAt: null },
  });
  await insertNamed(tx, 'instanceProfile', { id: name, ...named, roleId: `role-${name}` });
}

async function associate(tx: Queries, at: number, profileId: string): Promise<void> {
  const number = String(at).padStart(17, '0');
  const ids = { id: `iip-assoc-${number}`, instanceId: `i-${number}` } as const;
  await insertAssociation(tx, { ...ids, accountId: ACCOUNT, profileId, createdAt: 1 });
}

/** Whose node is told. */
async function addInstance(tx: Queries, at: number): Promise<void> {
  await insertInstance(tx, {
    ...{ id: `i-${String(at).padStart(17, '0')}`, reservationId: 'r-1', launchIndex: 0 },
    ...{ accountId: ACCOUNT, imageId: 'ami-1', image: '{}', architecture: 'x86_64' },
    ...{ rootDeviceType: 'instance-store', rootDeviceName: '/dev/sda1', rootDiskBytes: 1 },
    ...{ instanceType: 't3.micro', vcpus: 1, memoryMib: 1, keyName: null, publicKey: null },
    ...{ userData: null, zone: 'z', vpcId: 'vpc-1', subnetId: 'subnet-1', metadataOptions: '{}' },
    ...{ disableApiTermination: 0, disableApiStop: 0, shutdownBehavior: 'stop' },
    ...{ clientToken: null, createdAt: 1, launchedAt: 1, generation: 1, desiredPower: 'running' },
    ...{ desiredForceStop: 0, desiredRebootCount: 0, powerGeneration: 1, transitionReason: '' },
    ...{ observedGeneration: 0, hasRun: 0, placementGroupId: null, placementStrategy: null },
  });
}

test('instances whose roles do not trust EC2 keep no other from its credentials', async () => {
  await using store = await openStore(':memory:');
  const network = { zone: 'z', vpcCidr: '172.31.0.0/16' };
  await ensureAccount(store, { random, nowMs: 1, ...network, accountId: ACCOUNT });
  const touched = { instances: new Set() } as unknown as Change['touched'];
  const renewed = await store.transaction(async (tx) => {
    await addProfile(tx, 'strange', 'example.com');
    await addProfile(tx, 'web', 'ec2.amazonaws.com');
    for (let at = 0; at < 500; at++) await associate(tx, at, 'strange');
    await addInstance(tx, 500);
    await associate(tx, 500, 'web');
    const change = { tx, nowMs: 1, touched };
    const next = await renewCredentials({ random }, change);
    assert.equal(next, `iip-assoc-${'499'.padStart(17, '0')}`);
    assert.equal(await renewCredentials({ random }, change, next), undefined);
    return await tx.selectFrom('session').select('instanceId').execute();
  });
  assert.deepEqual(renewed, [{ instanceId: `i-${'500'.padStart(17, '0')}` }]);
});
