// Owns who has been heard of lately. It is kept in memory: after a start every node is lost until it reports.

import type { NodeId } from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import { NODE_LEASE_MS } from '@ironbark/protocol/internal/cluster-client.ts';
import type { NodeSummaryRecord } from '../store/nodes.ts';

interface Heard {
  atMonotonicMs: number;
  reportedAtMs: number;
  summary: NodeSummaryRecord;
}

export class NodeHealth {
  readonly #clock: Clock;
  readonly #heard = new Map<NodeId, Heard>();
  /** What was last told; a change of it is news. */
  readonly #told = new Map<NodeId, 'ready' | 'lost'>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  hear(id: NodeId, summary: NodeSummaryRecord): void {
    this.#heard.set(id, {
      atMonotonicMs: this.#clock.monotonicMs(),
      reportedAtMs: this.#clock.nowMs(),
      summary,
    });
  }

  /** Undefined while the node has not been heard since the start. */
  find(id: NodeId): Heard | undefined {
    return this.#heard.get(id);
  }

  of(id: NodeId): 'ready' | 'lost' {
    const heard = this.#heard.get(id);
    if (heard === undefined) return 'lost';
    const silentMs = this.#clock.monotonicMs() - heard.atMonotonicMs;
    return silentMs < NODE_LEASE_MS ? 'ready' : 'lost';
  }

  /** The node's health when it is another one than at the last call. */
  takeChange(id: NodeId): 'ready' | 'lost' | undefined {
    const now = this.of(id);
    if (this.#told.get(id) === now) return undefined;
    this.#told.set(id, now);
    return now;
  }
}
