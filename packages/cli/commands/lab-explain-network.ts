// Owns `ironbark lab explain` for network cards: what those of an instance move at the moment, and who in between has no
// more to give.

import { existsSync } from 'node:fs';
import { profileLabel } from '@ironbark/core/io-profile.ts';
import { explainNic, type LiveNetwork } from '@ironbark/lab/explain/live-network.ts';
import type { NetworkCauseName } from '@ironbark/lab/explain/network-causes.ts';
import {
  busiestShare,
  PROCESSOR_THREADS,
  readThreads,
  SERVING_THREADS,
  type ThreadBusy,
} from '@ironbark/lab/seen/threads.ts';
import type { NetworkReading } from '@ironbark/protocol/internal/node-client.ts';
import type { CliContext } from '../context.ts';
import { getDaemon } from '../daemon/admin-client.ts';
import { INTERRUPTED } from '../interrupts.ts';
import { Problem } from '../problem.ts';
import type { LabExplainFlags } from './lab-explain.ts';
import { requireTrial } from './lab-try.ts';
import { renderTriedNetwork, type TriedNetwork, tryNetworkChange } from './lab-try-network.ts';

interface ExplainedNic extends LiveNetwork {
  interfaceId: string;
  instanceId: string;
  profile: string;
  /** With --try. */
  tried?: TriedNetwork;
}

type Threads = ReadonlyMap<string, ThreadBusy>;

/** Of one card, or all of an instance. */
export async function explainNetworkCards(
  context: CliContext,
  id: string,
  { interval, try: wantsTrial = false }: LabExplainFlags,
  path: string,
): Promise<number> {
  if (wantsTrial) await requireTrial(context, id);
  const daemon = await getDaemon(context.dataDir, context.self);
  const readNics = async () =>
    (await daemon.networkReadings()).filter((one) =>
      [one.interfaceId, one.instanceId].includes(id as never),
    );
  const before = await readNics();
  requireCounted(before, id);
  const threads = await threadsOf(before[0]!.pid);
  await context.terminal.step(`Looking at ${id} for ${interval} s`, () =>
    context.clock.sleep(interval * 1_000),
  );
  const after = await readNics();
  const busy = threads && { before: threads, after: await threadsOf(before[0]!.pid) };
  const explained = after.flatMap((now) => {
    const then = before.find(({ interfaceId }) => interfaceId === now.interfaceId);
    const isSame = then?.countedSince === now.countedSince;
    return isSame ? (explainOne(then!, now, busy) ?? []) : [];
  });
  requireCounted(explained, id);
  const [busiest] = explained.toSorted((a, b) => b.megabitsPerSecond - a.megabitsPerSecond);
  const tried = wantsTrial ? await tryBusiest(context, busiest!, { after, path }) : undefined;
  if (tried !== undefined) busiest!.tried = tried;
  context.terminal.result(explained, () => explained.map(render).join('\n\n'));
  return wantsTrial && tried === undefined ? INTERRUPTED : 0;
}

/** One card, since a trial takes a minute. Undefined when it was interrupted. */
async function tryBusiest(
  context: CliContext,
  { interfaceId, direction, explanation }: ExplainedNic,
  { after, path }: { after: readonly NetworkReading[]; path: string },
): Promise<TriedNetwork | undefined> {
  const { profile } = after.find((one) => one.interfaceId === interfaceId)!;
  const cause = explanation.cause?.name as NetworkCauseName | undefined;
  return await tryNetworkChange(context, { cause, direction, profile }, path);
}

function requireCounted(found: readonly unknown[], id: string): void {
  if (found.length > 0) return;
  throw new Problem(`nobody counts what the network cards of ${id} move`, [
    'a running instance’s are counted where guests have bridges (--network bridge, which needs root)',
  ]);
}

/** Undefined where this user may not look. */
function threadsOf(pid: number): Promise<Threads | undefined> {
  return readThreads(pid).catch(() => undefined);
}

function explainOne(
  before: NetworkReading,
  after: NetworkReading,
  busy: { before: Threads; after: Threads | undefined } | undefined,
): ExplainedNic | undefined {
  const { interfaceId, instanceId, profile, path } = after;
  const intervalMs = after.readAtMs - before.readAtMs;
  const names = [...(busy?.before.values() ?? [])].map(({ name }) => name);
  const vcpus = Math.max(1, names.filter((name) => PROCESSOR_THREADS.test(name)).length);
  const live = explainNic({
    ...{ before: before.counters, after: after.counters, seconds: intervalMs / 1_000, profile },
    vcpus,
    queues: existsSync('/dev/vhost-net') && profile.vhost !== 'never' ? vcpus : 1,
    ...(busy?.after === undefined
      ? {}
      : { processor: sharesOf(busy.before, busy.after, intervalMs) }),
    ...(path === undefined ? {} : { path }),
  });
  return live && { interfaceId, instanceId, profile: profileLabel(profile), ...live };
}

function sharesOf(before: Threads, after: Threads, intervalMs: number) {
  const share = (names: RegExp) => busiestShare(before, after, { intervalMs, names });
  return { guest: share(PROCESSOR_THREADS), serving: share(SERVING_THREADS) };
}

function render(nic: ExplainedNic): string {
  const { interfaceId, instanceId, profile, direction, megabitsPerSecond, packets } = nic;
  const { packetsPerSecond, meanPacketBytes } = packets;
  const of =
    nic.efficiency === undefined
      ? 'what the host’s path can was not measured (lab tune does it)'
      : `${(100 * nic.efficiency).toFixed(nic.efficiency < 0.1 ? 1 : 0)} % of what the host’s path can`;
  return [
    `${interfaceId} of ${instanceId}, with the profile ${profile}`,
    `  it ${direction === 'transmit' ? 'sends' : 'receives'} ${megabitsPerSecond.toFixed(1)} Mb/s: ${of}`,
    `  ${packetsPerSecond.toFixed(0)} packets a second of ${meanPacketBytes.toFixed(0)} bytes on average`,
    '',
    nic.explanation.sentence,
    ...(nic.explanation.remedy === undefined ? [] : [nic.explanation.remedy]),
    ...(nic.tried === undefined ? [] : renderTriedNetwork(nic.tried)),
  ].join('\n');
}
