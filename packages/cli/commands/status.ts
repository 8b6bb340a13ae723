// Owns `ironbark status`: what runs here, on one screen.

import { renderBytes, renderCount } from '@ironbark/core/units.ts';
import type { InstanceObservation } from '@ironbark/protocol/internal/instance-messages.ts';
import type { CliContext } from '../context.ts';
import type { DaemonProcessFacts, DaemonStatus } from '../daemon/admin-api.ts';
import { findDaemon } from '../daemon/admin-client.ts';
import type { AutopilotState } from '../daemon/autopilot.ts';
import { renderTable, type Terminal } from '../terminal.ts';

/** The exit code of a cloud that is not running, so that scripts can ask. */
const NOT_RUNNING = 3;

export async function showStatus(context: CliContext): Promise<number> {
  const daemon = await findDaemon(context.dataDir);
  if (daemon === undefined) {
    const stopped = { running: false, dataDir: context.dataDir };
    context.terminal.result(
      stopped,
      () => `not running (${context.dataDir})\nstart it with: ${context.self} up`,
    );
    return NOT_RUNNING;
  }
  const status = await daemon.status();
  context.terminal.result({ running: true, ...status }, () =>
    renderStatus(status, context.terminal),
  );
  return 0;
}

function renderStatus(status: DaemonStatus, terminal: Terminal): string {
  const { node, config } = status;
  const gaps = node.isolationGaps ?? [];
  const facts: [string, string][] = [
    ['endpoint', describeEndpoint(status)],
    ['region', `${config.region}, zone ${config.region}a, account ${status.accountId}`],
    [
      'node',
      `${node.hypervisor} with ${describeAccelerator(node.accelerator)}, ${describeNetwork(status)}`,
    ],
    ['accounts', describeTenancy(status)],
    ...(gaps.length === 0 ? [] : [['isolation', gaps.join('; ')] as [string, string]]),
    ['capacity', describeCapacity(status)],
    ['disk', describeDisk(status)],
    ['data', `${status.dataDir} (${renderBytes(node.capacity.diskFreeBytes)} free)`],
    [
      'holds',
      Object.entries(status.counts)
        .map(([noun, count]) => renderCount(count, noun))
        .join(', '),
    ],
    ['processes', status.processes.map(describeProcess).join('; ')],
    ['since', `${status.startedAt}, pid ${status.pid}, version ${status.version}`],
  ];
  const troubles = status.failures.map((each): [string, string] => ['TROUBLE', each]);
  const known = status.calibration.known?.warnings ?? [];
  const warnings = known.map(({ name, sentence }): [string, string] => [
    'KNOWN BAD',
    `${name}: ${sentence}`,
  ]);
  const head = [...troubles, ...warnings, ...facts]
    .map(([name, value]) => `${terminal.bold(name.padEnd(11))}${value}`)
    .join('\n');
  const { elsewhere = [] } = status;
  const rows = [
    ...node.instances.map((instance) => instanceRow(instance, node.hostname)),
    ...elsewhere.flatMap(({ node: name, instances }) =>
      instances.map((instance) => instanceRow(instance, name)),
    ),
  ];
  if (rows.length === 0) return `${head}\n\nNo instances. Make one: ironbark launch`;
  const heads = ['INSTANCE', 'STATE', 'NODE', 'SSH', 'DISK', 'NOTE'];
  return `${head}\n\n${renderTable(heads, rows)}`;
}

/** A node elsewhere has its front end's, and says whether it is heard there. */
function describeEndpoint({ endpoint, config: { joined }, front }: DaemonStatus): string {
  if (joined === undefined) return endpoint;
  const how = front?.isConnected === true ? 'connected' : 'not connected';
  return `${endpoint}, of which this host is the node ${joined.name} (${how})`;
}

function describeProcess({ name, pid, uid, memoryBytes }: DaemonProcessFacts): string {
  const user = uid === 0 ? 'root' : `user ${uid}`;
  return `${name} (pid ${pid}, ${user}, ${renderBytes(memoryBytes)})`;
}

function instanceRow(instance: InstanceObservation, node: string): string[] {
  const ssh = instance.ssh === undefined ? '-' : sshAddress(instance.ssh);
  const profile = instance.rootDiskProfile;
  const disk = profile === undefined ? '-' : `${profile.name}@${profile.version}`;
  return [instance.id, instance.power, node, ssh, disk, instance.reason ?? ''];
}

function sshAddress(ssh: { host: string; port: number }): string {
  return ssh.port === 22 ? ssh.host : `${ssh.host}:${ssh.port}`;
}

function describeAccelerator(accelerator: string): string {
  if (accelerator === 'kvm') return 'KVM';
  if (accelerator === 'tcg') return 'emulation (TCG; slow)';
  return 'no real guests (simulated)';
}

function describeTenancy({ node, config }: DaemonStatus): string {
  if (node.isolatesTenants) return 'guests of different accounts are kept apart';
  return config.allowSharedEmulation === true
    ? 'not kept apart: emulation is no boundary, and --allow-shared-emulation lets several in'
    : 'one at a time: emulation is no boundary between tenants, so others’ guests are refused';
}

function describeDisk({ calibration: { known, autopilot } }: DaemonStatus): string {
  if (known === undefined) return NOT_MEASURED[autopilot.state](autopilot.reason ?? '');
  const { readBytesPerSecond, writeBytesPerSecond, aio, measuredAt } = known;
  const [read, written] = [readBytesPerSecond, writeBytesPerSecond].map((rate) =>
    (rate / 1e6).toFixed(0),
  );
  return `${aio}; ${read} MB/s read, ${written} written when it was measured at ${measuredAt}`;
}

const NOT_MEASURED: Readonly<Record<AutopilotState, (reason: string) => string>> = {
  off: () => 'not measured; ironbark lab tune does it',
  done: () => 'not measured; ironbark lab tune does it',
  waiting: (reason) => `not measured yet, that waits: ${reason} ironbark lab tune does it now`,
  measuring: () => 'is being measured, in the background',
  failed: (reason) => `could not be measured: ${reason}`,
};

function describeNetwork(status: DaemonStatus): string {
  const { network, vpcCidr } = status.config;
  if (network === 'bridge') return `guests in ${vpcCidr}`;
  if (network === 'user')
    return 'user-mode network (no root: guests are reached through forwarded ports)';
  return 'simulated network';
}

function describeCapacity(status: DaemonStatus): string {
  const { vcpus, memoryMib, diskBytes } = status.node.capacity;
  return `${vcpus} CPUs, ${renderBytes(memoryMib * 1024 * 1024)} memory, ${renderBytes(diskBytes)} disk`;
}
