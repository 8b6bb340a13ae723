// Owns the delivery of flow logs: every five minutes, as AWS, what each node has counted goes to the buckets. A node keeps
// what it has told until it is asked for what comes next, and that is once it lies in the buckets: what fails on the way is
// tried again, under the same keys. What a bucket does not take is dropped, and the flow log says so. After a restart of
// the Cloud Controller in the midst of it some lines may come twice.

import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { type ErrorKind, isServiceError, ServiceError } from '@ironbark/core/errors.ts';
import type { AccountId, InstanceId, NodeId } from '@ironbark/core/ids.ts';
import type { Reconciler } from '@ironbark/platform/reconciler.ts';
import type { FlowReading, FlowWindow } from '@ironbark/protocol/internal/flow-messages.ts';
import type { App } from '../app/app.ts';
import { change } from '../app/change.ts';
import { renderHeader, renderKey, renderWindow } from '../app/flow-log-lines.ts';
import { eraseFlowLog, logSource } from '../app/flow-logs.ts';
import { zoneIdOf } from '../app/zone-ids.ts';
import type { FlowLogRow } from '../store/flow-log-schema.ts';
import {
  listAllFlowLogs,
  listGoneFlowLogs,
  listInstancePlaces,
  setDelivery,
} from '../store/flow-logs.ts';
import { listNodes } from '../store/nodes.ts';

export const DELIVERY_MS = 300_000;
const UNIQUE_DIGITS = 8;
const compress = promisify(gzip);

/** Of one node at a time, more than it keeps. */
const MAX_READINGS = 32;

/** What a node has told, until all of it is delivered. */
interface Held extends FlowReading {
  nodeId: NodeId;
  sinceMs: number;
  /** Files that are in their buckets, or never will be. */
  done: Set<string>;
}

/** What cannot be delivered for so long is dropped: it would hold up everybody's. */
const MAX_HELD_MS = 900_000;

/** Errors of Walrus as a whole, at this time. */
const MAY_PASS: ReadonlySet<ErrorKind> = new Set([
  'unavailable',
  'timeout',
  'throttled',
  'out-of-space',
  'internal',
]);

export function createFlowLogDelivery(app: App): Reconciler {
  const delivery = new FlowLogDelivery(app);
  let lastSlot: number | undefined;
  return {
    name: 'flow-log-delivery',
    listKeys: async () => ['all'],
    reconcile: async () => {
      // Keys are listed more often than this; what failed is not over.
      const slot = Math.floor(app.clock.nowMs() / DELIVERY_MS);
      if (slot !== lastSlot) await delivery.run();
      lastSlot = slot;
      const nowMs = app.clock.nowMs();
      return { kind: 'again', afterMs: DELIVERY_MS - (nowMs % DELIVERY_MS) };
    },
  };
}

class FlowLogDelivery {
  readonly #app: App;
  readonly #cursors = new Map<NodeId, number>();
  /** At most that of one node: what comes after it waits on the nodes. */
  #held: Held | undefined;

  constructor(app: App) {
    this.#app = app;
  }

  async run(): Promise<void> {
    const { store } = this.#app;
    const gone = await listGoneFlowLogs(store.query);
    if (gone.length > 0) {
      await change(this.#app, async (inside) => {
        for (const row of gone) await eraseFlowLog(inside, row);
      });
    }
    const logs = await listAllFlowLogs(store.query);
    if (logs.length === 0) return;
    await this.#deliverHeld(logs);
    for (const { id, health } of await listNodes(store.query)) {
      if (health === 'ready') await this.#deliverFrom(id, logs);
    }
  }

  async #deliverFrom(nodeId: NodeId, logs: readonly FlowLogRow[]): Promise<void> {
    for (let asked = 0; asked < MAX_READINGS; asked += 1) {
      this.#held = await this.#ask(nodeId);
      if (!(await this.#deliverHeld(logs))) return;
    }
  }

  /** True when there was something. */
  async #deliverHeld(logs: readonly FlowLogRow[]): Promise<boolean> {
    const held = this.#held;
    if (held === undefined || held.windows.length === 0) return false;
    const failures = await this.#deliver(held, logs);
    const { clock, logger } = this.#app;
    if (failures.length > 0) {
      if (clock.nowMs() - held.sinceMs < MAX_HELD_MS) throw failures[0];
      logger.warn('flows were dropped: they cannot be delivered', { error: failures[0] });
    }
    this.#held = undefined;
    this.#cursors.set(held.nodeId, held.cursor);
    return true;
  }

  /** Undefined: the node is away, and keeps what it has. */
  async #ask(nodeId: NodeId): Promise<Held | undefined> {
    const { cluster, clock, logger } = this.#app;
    try {
      const reading = await cluster.readFlows(nodeId, this.#cursors.get(nodeId) ?? 0);
      return { ...reading, nodeId, sinceMs: clock.nowMs(), done: new Set() };
    } catch (error) {
      logger.debug('a node does not tell of flows', { nodeId, error });
      return undefined;
    }
  }

  /** Answers what failed and may be tried again; of the others' logs nothing waits for that. */
  async #deliver(held: Held, logs: readonly FlowLogRow[]): Promise<unknown[]> {
    const { nodeId, windows: all, cursor, done } = held;
    const owners = await this.#findOwners(nodeId, all);
    const slots = Map.groupBy(all, ({ endMs }) => Math.ceil(endMs / DELIVERY_MS));
    const failures: unknown[] = [];
    for (const log of logs) {
      for (const [slot, windows] of slots) {
        const own = windows.filter((one) => isOf(log, one, owners));
        const name = `${nodeId} ${cursor} ${log.id} ${slot}`;
        if (own.length === 0 || done.has(name)) continue;
        const unique = createHash('sha256').update(name).digest('hex').slice(0, UNIQUE_DIGITS);
        try {
          await this.#put(log, own, { endMs: slot * DELIVERY_MS, unique });
          done.add(name);
        } catch (error) {
          failures.push(error);
        }
      }
    }
    return failures;
  }

  /** A node speaks for instances that are there, or were there last. */
  async #findOwners(
    nodeId: NodeId,
    windows: readonly FlowWindow[],
  ): Promise<Map<InstanceId, AccountId>> {
    const ids = [...new Set(windows.map(({ instanceId }) => instanceId))];
    const rows = await listInstancePlaces(this.#app.store.query, ids);
    const own = rows.filter((row) => row.nodeId === null || row.nodeId === nodeId);
    return new Map(own.map(({ id, accountId }) => [id, accountId]));
  }

  async #put(
    log: FlowLogRow,
    windows: readonly FlowWindow[],
    file: { endMs: number; unique: string },
  ): Promise<void> {
    const { region, zone, objects } = this.#app;
    const { accountId } = log;
    const facts = { accountId, region, zoneId: zoneIdOf(zone) };
    const lines = windows.flatMap((window) => renderWindow(log, window, facts));
    if (lines.length === 0) return;
    const body = await compress([renderHeader(log.format), ...lines, ''].join('\n'));
    const key = renderKey(log, { region, ...file });
    try {
      await objects.deliverLog({ ...logSource(log, facts), key, body });
    } catch (error) {
      const isRefused =
        isServiceError(error, 'not-found') || isServiceError(error, 'not-authorized');
      await this.#note(log, 'FAILED', isRefused ? 'Access error' : 'Unknown error');
      if (!isLasting(error)) throw error;
      return;
    }
    await this.#note(log, 'SUCCESS', null);
  }

  async #note(
    { id, deliverStatus: status, deliverError: known }: FlowLogRow,
    deliverStatus: 'SUCCESS' | 'FAILED',
    deliverError: string | null,
  ): Promise<void> {
    if (status === deliverStatus && known === deliverError) return;
    await this.#app.store.transaction((tx) => setDelivery(tx, id, { deliverStatus, deliverError }));
  }
}

/** It would fail again, and meanwhile nothing of the nodes that come after would be delivered to anybody. */
function isLasting(error: unknown): boolean {
  return error instanceof ServiceError && !MAY_PASS.has(error.kind);
}

function isOf(
  { accountId, resourceId, createdAt }: FlowLogRow,
  window: FlowWindow,
  owners: ReadonlyMap<InstanceId, AccountId>,
): boolean {
  const { interfaceId, subnetId, vpcId, instanceId, endMs } = window;
  const isMeant = [interfaceId, subnetId, vpcId].some((id) => id === resourceId);
  return isMeant && owners.get(instanceId) === accountId && endMs > createdAt;
}
