// Owns when the zone is told of a VPC, and of how much of it: all at first, then what has changed. The more that is the longer
// several changes wait for each other; the first change after a pause is told at once.

import type { VpcId } from '@ironbark/core/ids.ts';
import type { App } from '../app/app.ts';
import { composeChange, composeVpc } from '../app/vpc-document.ts';
import { findVpc } from '../store/networks.ts';
import { deletePortChanges, listPortChanges } from '../store/port-changes.ts';
import { loadVpcRows } from '../store/vpc-documents.ts';
import { deleteVpcGone } from '../store/vpcs.ts';

/** So many ports are told in a second at most, of each VPC. */
const PORTS_PER_MS = 1;
const MIN_PAUSE_MS = 1;
const MAX_PAUSE_MS = 1_000;

/** With more than this the whole document is little more. */
const MOST_CHANGED = 10_000;

interface Told {
  generation: number;
  /** That were told of. */
  ports: number;
}

interface Sent extends Told {
  atMs: number;
}

export class VpcSender {
  readonly #app: App;
  readonly #sent = new Map<VpcId, Sent>();
  readonly #sending = new Map<VpcId, Promise<void>>();
  /** What somebody waits for; newer changes do not make them wait longer. */
  readonly #awaited = new Map<string, number>();

  constructor(app: App) {
    this.#app = app;
  }

  isSent(id: VpcId, generation: number): boolean {
    return (this.#sent.get(id)?.generation ?? 0) >= generation;
  }

  /** 0 when the zone has the VPC as it was when `who` first asked; else how long to wait before asking again. */
  async ensureSent(id: VpcId, who: string): Promise<number> {
    const row = await findVpc(this.#app.store.query, id);
    const needed = this.#awaited.get(who) ?? row?.generation ?? 0;
    // Of two hundred instances of one launch one sends.
    await this.#sending.get(id)?.catch(() => {});
    if (row === undefined || this.isSent(id, needed)) return this.#done(who);
    this.#awaited.set(who, needed);
    if (this.#sending.has(id)) return MIN_PAUSE_MS;
    const waitMs = this.#pauseLeft(id);
    if (waitMs > 0) return waitMs;
    await this.#sendAlone(id);
    return this.#done(who);
  }

  async forget(id: VpcId): Promise<void> {
    // What was read before it was deleted must not come after.
    await this.#sending.get(id)?.catch(() => {});
    await this.#app.aroundStep('vpc-intent/forget', async () => {
      await this.#app.cluster.forgetVpcs([id]);
      await deleteVpcGone(this.#app.store.query, id);
    });
    this.#sent.delete(id);
  }

  async #sendAlone(id: VpcId): Promise<void> {
    const sending = this.#send(id);
    this.#sending.set(id, sending);
    try {
      await sending;
    } finally {
      this.#sending.delete(id);
    }
  }

  #done(who: string): 0 {
    this.#awaited.delete(who);
    return 0;
  }

  #pauseLeft(id: VpcId): number {
    const last = this.#sent.get(id);
    if (last === undefined) return 0;
    const pauseMs = Math.min(last.ports / PORTS_PER_MS, MAX_PAUSE_MS);
    return Math.max(0, Math.ceil(last.atMs + pauseMs - this.#app.clock.monotonicMs()));
  }

  async #send(id: VpcId): Promise<void> {
    const told = (await this.#sendChange(id)) ?? (await this.#sendWhole(id));
    if (told === undefined) return;
    const { generation } = told;
    await deletePortChanges(this.#app.store.query, id, generation);
    this.#sent.set(id, { ...told, atMs: this.#app.clock.monotonicMs() });
  }

  /** Undefined where the zone has to be told all of it. */
  async #sendChange(id: VpcId): Promise<Told | undefined> {
    const since = this.#sent.get(id)?.generation;
    if (since === undefined) return undefined;
    const { query } = this.#app.store;
    // First: what changes from here on is of a later generation.
    const vpc = await findVpc(query, id);
    const changed = await listPortChanges(query, id, since);
    if (vpc === undefined || changed.length > MOST_CHANGED) return undefined;
    const rows = await loadVpcRows(query, id, changed);
    if (rows === undefined) return undefined;
    const { generation } = vpc;
    const change = composeChange(rows, this.#app.region, { since, generation, changed });
    let gaps: VpcId[] = [];
    await this.#app.aroundStep('vpc-intent/send-change', async () => {
      gaps = await this.#app.cluster.changeVpcs([change]);
    });
    const isKnown = gaps.length === 0;
    return isKnown ? { generation, ports: changed.length } : undefined;
  }

  async #sendWhole(id: VpcId): Promise<Told | undefined> {
    const rows = await loadVpcRows(this.#app.store.query, id);
    if (rows === undefined) return undefined;
    const { generation } = rows.vpc;
    const intent = composeVpc(rows, this.#app.region);
    const put = () => this.#app.cluster.putVpcs([{ generation, intent }]);
    await this.#app.aroundStep('vpc-intent/send', put);
    return { generation, ports: intent.ports.length };
  }
}
