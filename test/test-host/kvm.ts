// Owns the proof of the KVM path: inside a test host a cloud finds KVM by itself, runs a real guest with it, and all of
// it is driven from outside through the AWS CLI, from `up` to nothing left.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atMost, type Figure, zeroFigure } from '../support/figures.ts';
import { assertSameHost, type HostSnapshot } from '../support/host-snapshot.ts';
import { TestHost } from '../support/test-host/test-host.ts';
import { DATA_DIR, HostedCloud } from './hosted-cloud.ts';
import { compareInitiators } from './initiators.ts';
import { measureExits } from './kvm-exits.ts';
import { createSteps, type Steps } from './steps.ts';

/** From a kept image to nothing left. */
const BAR_S = 15 * 60;

export async function proveKvm(): Promise<Figure[]> {
  const steps = createSteps();
  const home = await mkdtemp(join(tmpdir(), 'ironbark-aws-'));
  try {
    await using host = await steps.step('a test host', () =>
      TestHost.start({
        hypervisor: 'kvm',
        onProgress: ({ step }) => console.error(`  ${step}`),
      }),
    );
    const before = await steps.step('a look at the host', () => listHost(host));
    const cloud = await steps.step('ironbark up', () => HostedCloud.up(host, home));
    await steps.step('the probe finds KVM', async () => {
      const { node } = await cloud.status();
      assert.equal(node.accelerator, 'kvm');
      assert.deepEqual(node.isolationGaps ?? [], []);
    });
    const figures = await proveGuest(host, cloud, steps);
    const paths = await steps.step('the host’s own initiators', () => compareInitiators(host));
    await steps.step('purge', () => host.run(['./ironbark', 'purge', '--yes']));
    await steps.step('nothing is left', async () => assertSameHost(before, await listHost(host)));
    return [...figures, ...paths, atMost('whole proof s', steps.seconds(), BAR_S)];
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

async function listHost(host: TestHost): Promise<HostSnapshot> {
  const { stdout } = await host.run(['node', 'test/test-host/inside/list-host.ts', DATA_DIR]);
  return JSON.parse(stdout) as HostSnapshot;
}

interface Guest {
  id: string;
  address: string;
  /** Of its process in the host. */
  pid: number;
}

export async function proveGuest(
  host: TestHost,
  cloud: HostedCloud,
  steps: Steps,
): Promise<Figure[]> {
  const image = await steps.step('the micro image, from outside', () => cloud.publishMicro());
  const guest = await steps.step('a guest answers ssh', () => launch(host, cloud, image));
  await steps.step('it runs with KVM and vhost-net', () => checkProcess(host, guest));
  const volume = await steps.step('a volume is attached', () => attach(cloud, guest));
  const disk = await steps.step('it is written', () => writeVolume(cloud, guest, volume));
  const figures = await steps.step('exits for each request', () =>
    countExits(host, cloud, { guest, disk }),
  );
  await steps.step('the volume is detached', () => detach(cloud, volume));
  await steps.step('the guest is terminated', async () => {
    await cloud.aws('ec2', 'terminate-instances', '--instance-ids', guest.id);
    await cloud.untilInstance(guest.id, 'terminated');
    await cloud.aws('ec2', 'delete-volume', '--volume-id', volume);
  });
  return figures;
}

async function launch(host: TestHost, cloud: HostedCloud, image: string): Promise<Guest> {
  await cloud.createKey();
  const wish = ['--image-id', image, '--instance-type', 't3.micro', '--key-name', 'outside'];
  const { Instances } = await cloud.aws('ec2', 'run-instances', ...wish);
  const { InstanceId: id, PrivateIpAddress: address } = Instances[0];
  await cloud.untilInstance(id, 'running');
  await cloud.untilAnswers(address);
  const pid = Number(await host.sh(`pgrep -f '^qemu-system-x86_64 .*${id}'`));
  return { id, address, pid };
}

async function checkProcess(host: TestHost, { pid }: Guest): Promise<void> {
  const words = (await host.sh(`tr '\\0' ' ' < /proc/${pid}/cmdline`)).split(' ');
  assert.equal(words[words.indexOf('-accel') + 1], 'kvm');
  assert.ok(
    words.some((word) => word.startsWith('tap') && word.includes('vhost=on')),
    `no vhost-net in ${words.join(' ')}`,
  );
  // The kernel's own thread, which has the guest's frames without QEMU.
  assert.match(await host.sh('cat /proc/[0-9]*/comm'), new RegExp(`^vhost-${pid}$`, 'm'));
}

async function attach(cloud: HostedCloud, guest: Guest): Promise<string> {
  const wish = ['--size', '1', '--availability-zone', cloud.zone];
  const { VolumeId: volume } = await cloud.aws('ec2', 'create-volume', ...wish);
  await cloud.untilVolume(volume, 'available');
  const to = ['--volume-id', volume, '--instance-id', guest.id, '--device', '/dev/sdf'];
  await cloud.aws('ec2', 'attach-volume', ...to);
  await cloud.untilVolume(volume, 'in-use');
  return volume;
}

/** The guest's name of the disk. */
async function writeVolume(cloud: HostedCloud, guest: Guest, volume: string): Promise<string> {
  const serial = volume.replace('-', '');
  const find = `for d in /sys/block/vd*; do [ "$(cat $d/serial)" = ${serial} ] && basename $d; done; true`;
  const disk = await cloud.inGuest(guest.address, find);
  assert.match(disk, /^vd[b-z]$/);
  const write = [
    `mke2fs -q -t ext4 /dev/${disk} && mkdir -p /mnt/v && mount /dev/${disk} /mnt/v`,
    'dd if=/dev/urandom of=/mnt/v/file bs=1M count=64 conv=fsync 2>/dev/null',
    'sum=$(md5sum < /mnt/v/file) && umount /mnt/v && echo 3 > /proc/sys/vm/drop_caches',
    `mount /dev/${disk} /mnt/v && [ "$sum" = "$(md5sum < /mnt/v/file)" ] && umount /mnt/v && echo kept`,
  ].join(' && ');
  assert.equal(await cloud.inGuest(guest.address, write), 'kept');
  return disk;
}

async function detach(cloud: HostedCloud, volume: string): Promise<void> {
  await cloud.aws('ec2', 'detach-volume', '--volume-id', volume);
  await cloud.untilVolume(volume, 'available');
}

async function countExits(
  host: TestHost,
  cloud: HostedCloud,
  { guest, disk }: { guest: Guest; disk: string },
): Promise<Figure[]> {
  const inGuest = (command: string) => cloud.inGuest(guest.address, command);
  const load = { pid: guest.pid, disk, inGuest };
  const one = await measureExits(host, { ...load, depth: 1 });
  const many = await measureExits(host, { ...load, depth: 32 });
  return [
    atMost('exits for a request, depth 1', one.exits, 1.2),
    atMost('exits for a request, depth 32', many.exits, 1.2),
    zeroFigure('device exits for a request', Math.round(many.deviceExits)),
  ];
}
