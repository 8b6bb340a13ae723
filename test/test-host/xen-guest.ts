// Owns a paravirtual guest on a Xen test host as xl has it: the micro image's kernel and a copy of its disk, a card on a
// bridge of its own, and a console that is kept.

import type { BuiltImage } from '@ironbark/images/build/built-image.ts';
import { eventually } from '../support/cloud-under-test.ts';
import type { TestHost } from '../support/test-host/test-host.ts';

const NAME = 'micro';
const BRIDGE = 'xenbr0';
const GATEWAY = '10.9.0.1';
const ADDRESS = '10.9.0.2';
const MAC = '00:16:3e:00:00:02';
const DISK = '/var/tmp/micro.raw';
const CONFIG = '/run/micro.cfg';
const LEASES = '/run/micro.leases';
const CONSOLE = `/var/log/xen/console/guest-${NAME}.log`;
const MEMORY_MIB = 256;
const PATIENCE_MS = 180_000;

/** The daemons that xl needs; what guests write to their consoles is kept. */
export async function startXenTools(host: TestHost): Promise<void> {
  await host.sh('echo XENCONSOLED_TRACE=guest >> /etc/default/xen; mkdir -p /var/log/xen/console');
  await host.sh(
    '/etc/init.d/xen start > /run/xen-start.log 2>&1 || { cat /run/xen-start.log; exit 1; }',
  );
}

/** Everything before the guest, so that its start alone can be timed. */
export async function prepareXenGuest(host: TestHost, image: BuiltImage): Promise<void> {
  const config = [
    `name = "${NAME}"`,
    'type = "pv"',
    `memory = ${MEMORY_MIB}`,
    'vcpus = 1',
    `kernel = "${host.imagePath(image.files.kernel!)}"`,
    `ramdisk = "${host.imagePath(image.files.initrd!)}"`,
    'extra = "root=/dev/xvda rootfstype=ext4 console=hvc0 mitigations=off"',
    `disk = ["format=raw,vdev=xvda,access=w,target=${DISK}"]`,
    `vif = ["mac=${MAC},bridge=${BRIDGE}"]`,
    'on_poweroff = "destroy"',
    'on_crash = "destroy"',
    '',
  ].join('\n');
  await host.sh(`cat > ${CONFIG}`, { input: config });
  await host.sh(`cp --sparse=always ${host.imagePath(image.files.root)} ${DISK}`);
  await host.sh(
    `ip link add ${BRIDGE} type bridge && ip address add ${GATEWAY}/24 dev ${BRIDGE} && ip link set ${BRIDGE} up`,
  );
  const lease = `--dhcp-range=${ADDRESS},${ADDRESS},1h --dhcp-host=${MAC},${ADDRESS}`;
  const own = `--conf-file=/dev/null --port=0 --pid-file=/run/micro-dnsmasq.pid --dhcp-leasefile=${LEASES}`;
  await host.sh(`dnsmasq ${own} --interface=${BRIDGE} --bind-interfaces ${lease}`);
}

export async function startXenGuest(host: TestHost): Promise<void> {
  await host.run(['xl', 'create', '-q', CONFIG]);
}

/** What the guest has written to its console. */
export async function readConsole(host: TestHost): Promise<string> {
  return await host.sh(`cat ${CONSOLE} 2>/dev/null; true`);
}

export async function untilReady(host: TestHost): Promise<void> {
  const looks = async () => (await readConsole(host)).includes('ironbark: ready');
  await eventually('the guest is ready', looks, { timeoutMs: PATIENCE_MS, intervalMs: 1_000 });
}

export async function answersPing(host: TestHost): Promise<boolean> {
  const said = await host.sh(`busybox ping -c 1 -W 5 ${ADDRESS} > /dev/null && echo yes; true`);
  return said === 'yes';
}

/** By xl's own listing. */
export async function isRunning(host: TestHost): Promise<boolean> {
  return (await host.sh(`xl list ${NAME} > /dev/null 2>&1 && echo yes; true`)) === 'yes';
}

/** 4 when both halves of a device's driver are connected. */
export async function deviceState(host: TestHost, path: string): Promise<string> {
  const read = `xenstore-read /local/domain/$(xl domid ${NAME})/device/${path}/state 2>/dev/null; true`;
  return await host.sh(read);
}

export async function plugDisk(host: TestHost, path: string): Promise<void> {
  await host.sh(`truncate -s 64M ${path}`);
  await host.run(['xl', 'block-attach', NAME, `format=raw,vdev=xvdb,access=w,target=${path}`]);
}

export async function unplugDisk(host: TestHost, path: string): Promise<void> {
  await host.run(['xl', 'block-detach', NAME, 'xvdb']);
  await host.sh(`rm ${path}`);
}

/** Asked through the guest's kernel, as a power button would. */
export async function shutDownXenGuest(host: TestHost): Promise<void> {
  await host.run(['xl', 'shutdown', NAME]);
  const isGone = async () => !(await isRunning(host));
  await eventually('the guest is off', isGone, { timeoutMs: PATIENCE_MS, intervalMs: 1_000 });
}

export async function clearXenGuest(host: TestHost): Promise<void> {
  await host.sh(`xl destroy ${NAME} 2>/dev/null; kill $(cat /run/micro-dnsmasq.pid)`);
  await host.sh(`ip link delete ${BRIDGE}; rm ${DISK} ${CONFIG} ${LEASES}`);
}
