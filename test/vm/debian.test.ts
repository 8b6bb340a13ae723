// A distribution as people run it: Debian with systemd and cloud-init, configured by our own metadata service.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CloudUnderTest, eventually } from '../support/cloud-under-test.ts';
import { answersSsh } from '../support/guests.ts';

const skip =
  process.getuid?.() === 0 ? false : 'needs root: the Debian image is built with mmdebstrap';
/** About 60 s emulated on a quiet machine; a busy one takes several times that. */
const DONE_TIMEOUT_MS = 400_000;
const USER_DATA = `#cloud-config
write_files:
  - path: /etc/made-by-cloud-config
    content: yes it was
runcmd:
  - [ sh, -c, "echo ran >> /root/runcmd" ]
`;

let cloud: CloudUnderTest;
let instanceId = '';

before(async () => {
  if (skip !== false) return;
  cloud = await CloudUnderTest.start({ flags: ['--no-image'] });
  await cloud.ironbark('image', 'build', 'debian-12', '--yes');
});
after(async () => {
  await cloud?.[Symbol.asyncDispose]();
});

test('cloud-init reaches "done" from our metadata alone', { skip }, async (t) => {
  const userData = join(cloud.dataDir, 'user-data');
  await writeFile(userData, USER_DATA);
  const startedMs = performance.now();
  const flags = [
    '--image',
    'debian-12',
    '--type',
    't3.small',
    '--user-data',
    userData,
    '--no-wait',
  ];
  instanceId = (await cloud.json<{ instanceId: string }>('launch', ...flags)).instanceId;
  const options = { timeoutMs: DONE_TIMEOUT_MS, intervalMs: 1_000 };
  await eventually(
    'ssh',
    async () => await answersSsh((command) => cloud.ssh(instanceId, command)),
    options,
  );
  // cloud-init restarts the ssh server once it has made its keys.
  const status = await eventually(
    'cloud-init to say how it went',
    () => cloud.ssh(instanceId, 'cloud-init status --wait --long').catch(() => undefined),
    options,
  );
  t.diagnostic(
    `run-instances to cloud-init done: ${Math.round((performance.now() - startedMs) / 1000)} s`,
  );
  assert.match(status, /status: done/);
  assert.match(status, /DataSourceEc2/);
});

test('the guest is as its metadata and user data say', { skip }, async () => {
  const { Reservations } = await cloud.aws(
    'ec2',
    'describe-instances',
    '--instance-ids',
    instanceId,
  );
  const { PrivateDnsName } = Reservations[0].Instances[0];
  assert.equal((await cloud.ssh(instanceId, 'hostname -f')).trim(), PrivateDnsName);
  assert.equal((await cloud.ssh(instanceId, 'whoami; sudo -n whoami')).trim(), 'admin\nroot');
  assert.equal((await cloud.ssh(instanceId, 'cat /etc/made-by-cloud-config')).trim(), 'yes it was');
  assert.equal((await cloud.ssh(instanceId, 'sudo cat /root/runcmd')).trim(), 'ran');
  assert.equal(
    (await cloud.ssh(instanceId, 'systemctl is-system-running --wait')).trim(),
    'running',
  );
});

test('a volume that is plugged in appears under its id', { skip }, async () => {
  const zone = `${cloud.credentials.region}a`;
  const { VolumeId } = await cloud.aws(
    'ec2',
    'create-volume',
    '--size',
    '1',
    '--availability-zone',
    zone,
  );
  const of = ['--volume-id', VolumeId];
  await cloud.aws(
    'ec2',
    'attach-volume',
    ...of,
    '--instance-id',
    instanceId,
    '--device',
    '/dev/sdf',
  );
  const link = `/dev/disk/by-id/virtio-${VolumeId.replace('-', '')}`;
  await eventually('the link', async () => {
    const found = await cloud.ssh(instanceId, `readlink -f ${link}; true`);
    return /^\/dev\/vd[b-z]$/.test(found.trim());
  });
});

test('it stops by the power button', { skip }, async () => {
  await cloud.aws('ec2', 'stop-instances', '--instance-ids', instanceId);
  await eventually(
    'stopped',
    async () => {
      const { Reservations } = await cloud.aws(
        'ec2',
        'describe-instances',
        '--instance-ids',
        instanceId,
      );
      return Reservations[0].Instances[0].State.Name === 'stopped';
    },
    { timeoutMs: 120_000 },
  );
  const { Output } = await cloud.aws('ec2', 'get-console-output', '--instance-id', instanceId);
  assert.match(Output, /Power-Off|Powering off|reboot: Power down/i);
});
