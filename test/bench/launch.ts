// Measures a launch: what the control plane takes of it, and when the guest answers ssh.

import { getDaemon } from '../../packages/cli/daemon/admin-client.ts';
import { CloudUnderTest, eventually } from '../support/cloud-under-test.ts';
import { type Figure, medianFigure, ratioFigure } from '../support/figures.ts';
import { greetsAsSsh } from '../support/ssh-greeting.ts';

const REPEATS = 5;
/** Bars of the design: the control plane's share with a cached image, and the micro guest's ssh, emulated. */
const CONTROL_PLANE_BAR_MS = 300;
const SSH_BAR_MS = 6_000;

interface Launch {
  /** From sending RunInstances to the hypervisor's process being started. */
  controlPlaneMs: number;
  /** From sending RunInstances to the ssh server's greeting. */
  sshMs: number;
}

export async function measureLaunch(): Promise<Figure[]> {
  await using cloud = await CloudUnderTest.start();
  const { Images } = await cloud.ec2().call('DescribeImages', { Owners: ['self'] });
  const build = ['image', 'build', 'micro', '--root-device', 'ebs'] as const;
  const { imageId } = await cloud.json<{ imageId: string }>(...build);
  const launches: Launch[] = [];
  const fromVolumes: Launch[] = [];
  // The first launch of each fetches what the node keeps of the image and is not counted.
  for (let i = 0; i <= REPEATS; i++) {
    const launch = await launchOnce(cloud, Images![0]!.ImageId!);
    const fromVolume = await launchOnce(cloud, imageId);
    if (i === 0) continue;
    launches.push(launch);
    fromVolumes.push(fromVolume);
  }
  const started = launches.map((l) => l.controlPlaneMs);
  const greeted = launches.map((l) => l.sshMs);
  const ratio = (of: keyof Launch) => fromVolumes.map((one, at) => one[of] / launches[at]![of]);
  return [
    medianFigure('RunInstances to hypervisor started, ms', started, CONTROL_PLANE_BAR_MS),
    medianFigure('RunInstances to ssh greeting, ms', greeted, SSH_BAR_MS),
    ratioFigure('the first with an EBS root, times that of a local one', ratio('controlPlaneMs')),
    ratioFigure('the second with an EBS root, times that of a local one', ratio('sshMs')),
  ];
}

async function launchOnce(cloud: CloudUnderTest, imageId: string): Promise<Launch> {
  const ec2 = cloud.ec2();
  // Asked directly: a command line would take a processor from the guest at every look.
  const daemon = await getDaemon(cloud.dataDir);
  const startedMs = Date.now();
  const run = await ec2.call('RunInstances', {
    ImageId: imageId,
    InstanceType: 't3.micro',
    MinCount: 1,
    MaxCount: 1,
  });
  const id = run.Instances![0]!.InstanceId!;
  const look = async () => {
    const { node } = await daemon.status();
    return node.instances.find((instance) => instance.id === id);
  };
  const started = async () => {
    const seen = await look();
    return seen?.startedAt !== undefined && seen.ssh !== undefined ? seen : undefined;
  };
  const observed = await eventually('the guest’s process', started, { intervalMs: 50 });
  await eventually('ssh', async () => await greetsAsSsh(observed.ssh!), { intervalMs: 50 });
  const sshMs = Date.now() - startedMs;
  await ec2.call('TerminateInstances', { InstanceIds: [id] });
  // The end of one is no part of the next.
  await eventually('its end', async () => (await look()) === undefined);
  return { controlPlaneMs: Date.parse(observed.startedAt!) - startedMs, sshMs };
}
