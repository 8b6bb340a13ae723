// A flow log from the API to its file: a Cloud Controller, a Cluster Controller and Walrus as they are, and a node that tells
// of flows what it is told to tell.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { type Cloud, startCloud } from '@ironbark/cloud/main.ts';
import { type Cluster, startCluster } from '@ironbark/cluster/main.ts';
import type { InstanceId, InterfaceId, SubnetId, VpcId } from '@ironbark/core/ids.ts';
import { GIB } from '@ironbark/core/units.ts';
import type { Objects } from '@ironbark/objects/main.ts';
import { startAlone } from '@ironbark/objects/testing/start-alone.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import type { Ec2Action, Ec2Input, Ec2Output } from '@ironbark/protocol/ec2/types.ts';
import type { FlowWindow } from '@ironbark/protocol/internal/flow-messages.ts';
import type { NodeReport } from '@ironbark/protocol/internal/instance-messages.ts';
import { MemoryNode } from '@ironbark/protocol/internal/testing/memory-node.ts';
import { putPretendImage } from '@ironbark/protocol/internal/testing/pretend-image.ts';
import { StorageDouble } from '@ironbark/protocol/internal/testing/storage-double.ts';
import { JumpingClock } from '../support/jumping-clock.ts';

/** One that is told of VPCs. */
class VpcNode extends MemoryNode {
  override network = 'bridge' as const;

  override async getReport(): Promise<NodeReport> {
    return { ...(await super.getReport()), keepsVpcs: true };
  }
}

/** Walrus has the buckets of its system's account to give. */
const ACCOUNT = '000000000000';
const BUCKET = 'flows';
const FIVE_MINUTES_MS = 300_000;
const clock = new JumpingClock();
const node = new VpcNode('node-a');

let dataDir: string;
let objects: Objects;
let cluster: Cluster;
let cloud: Cloud;

before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'ironbark-flows-'));
  objects = await startAlone(join(dataDir, 'objects'));
  const parts = { random: systemRandom, logger: silentLogger, zone: 'us-east-1a' };
  cluster = await startCluster({
    ...{ ...parts, dataDir: join(dataDir, 'cluster'), clock: systemClock },
    nodes: [{ nodeId: node.nodeId, client: node }],
  });
  cloud = await startCloud({
    ...{ ...parts, dataDir: join(dataDir, 'cloud'), clock, accountId: ACCOUNT },
    ...{ region: 'us-east-1', vpcCidr: '172.31.0.0/16' },
    ...{ cluster: cluster.client, objects: objects.client },
    storage: new StorageDouble({ totalBytes: GIB, checkUnexport: () => {} }),
  });
});
after(async () => {
  await cloud?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
  await objects?.[Symbol.asyncDispose]();
  await rm(dataDir, { recursive: true, force: true });
});

async function call<Name extends Ec2Action>(
  action: Name,
  input: Ec2Input<Name>,
): Promise<Ec2Output<Name>> {
  const { principal } = await cloud.adminKey();
  const context = { requestId: 'test', principal, accountId: ACCOUNT, region: 'us-east-1' };
  const output = await cloud.ec2.call(action, { ...context, dryRun: false }, input);
  return output as Ec2Output<Name>;
}

function eventually(what: string, isSo: () => Promise<boolean> | boolean): Promise<boolean> {
  return waitFor(isSo, { clock: systemClock, timeoutMs: 20_000, intervalMs: 20, what });
}

async function launch() {
  const ImageLocation = await putPretendImage(objects.client, 'tiny', { minMemoryMib: 64 });
  const { ImageId } = await call('RegisterImage', { Name: 'tiny', ImageLocation });
  const wish = { InstanceType: 't3.micro' as const, MinCount: 1, MaxCount: 1 };
  const { Instances } = await call('RunInstances', { ...wish, ImageId: ImageId! });
  const [nic] = Instances![0]!.NetworkInterfaces!;
  return {
    instanceId: Instances![0]!.InstanceId as InstanceId,
    interfaceId: nic!.NetworkInterfaceId as InterfaceId,
    ...{ subnetId: nic!.SubnetId as SubnetId, vpcId: nic!.VpcId as VpcId },
    privateIp: nic!.PrivateIpAddress!,
  };
}

test('what a node tells of an interface is in the bucket of its flow log', async () => {
  for (const name of [BUCKET, 'images']) await objects.client.ensureBucket(name);
  const guest = await launch();
  const { FlowLogIds, Unsuccessful } = await call('CreateFlowLogs', {
    ...{ ResourceType: 'NetworkInterface', ResourceIds: [guest.interfaceId], TrafficType: 'ALL' },
    ...{ LogDestinationType: 's3', LogDestination: `arn:aws:s3:::${BUCKET}/of/` },
  });
  assert.deepEqual([FlowLogIds!.length, Unsuccessful], [1, []]);
  const logged = () => node.intent.vpcs.find(({ id }) => id === guest.vpcId)?.logged;
  await eventually('the node is told', () => logged()?.length === 1);
  assert.deepEqual(logged(), [guest.interfaceId]);
  const startMs = clock.nowMs();
  const window: FlowWindow = {
    ...{ ...guest, startMs, endMs: startMs + 60_000, isSkipped: false },
    flows: [
      {
        ...{ direction: 'egress', action: 'REJECT', sourceIp: guest.privateIp },
        ...{ destinationIp: '192.0.2.7', protocol: 17, sourcePort: 1, destinationPort: 2 },
        ...{ packets: 3, bytes: 99 },
      },
    ],
  };
  node.flows = { cursor: 1, windows: [window] };
  clock.pass(FIVE_MINUTES_MS);
  const prefix = `of/AWSLogs/${ACCOUNT}/vpcflowlogs/us-east-1/`;
  const list = async () => (await objects.client.listObjects({ bucket: BUCKET, prefix })).objects;
  await eventually('the file is there', async () => (await list()).length === 1);
  const { key } = (await list())[0]!;
  assert.ok(key.includes(`_${FlowLogIds![0]}_`), key);
  const { body } = await objects.client.getObject({ bucket: BUCKET, key });
  const [, line] = gunzipSync(await buffer(body))
    .toString()
    .split('\n');
  const [start, end] = [startMs, window.endMs].map((ms) => Math.floor(ms / 1_000));
  const flow = `${guest.privateIp} 192.0.2.7 1 2 17 3 99 ${start} ${end} REJECT OK`;
  assert.equal(line, `2 ${ACCOUNT} ${guest.interfaceId} ${flow}`);
  const shown = async () => (await call('DescribeFlowLogs', {})).FlowLogs![0]!.DeliverLogsStatus;
  await eventually('the delivery is shown', async () => (await shown()) === 'SUCCESS');
});
