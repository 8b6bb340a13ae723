// Owns a NodeClient whose messages get lost, doubled, delayed past each other, or answered from the past.

import type { NodeIntent, NodeReport } from '../instance-messages.ts';
import type { NodeClient } from '../node-client.ts';

/** Repeatable chance: at least 0, below 1. */
export type Chance = () => number;

export class UnreliableNode implements NodeClient {
  /** While true messages are bad; otherwise everything passes. */
  isBad = true;
  readonly #node: NodeClient;
  readonly #chance: Chance;
  readonly #delayed: NodeIntent[] = [];
  #lastReport: NodeReport | undefined;

  constructor(node: NodeClient, chance: Chance) {
    this.#node = node;
    this.#chance = chance;
  }

  async putIntent(intent: NodeIntent): Promise<void> {
    if (!this.#happens(0.5)) return this.#node.putIntent(intent);
    if (this.#happens(0.3)) throw new Error('the message was lost');
    if (this.#happens(0.4)) this.#delayed.push(intent);
    else await this.#node.putIntent(intent);
    if (this.#happens(0.5)) await this.#deliverDelayed();
    if (this.#happens(0.5)) throw new Error('the answer was lost');
  }

  async getReport(): Promise<NodeReport> {
    if (this.#happens(0.3)) throw new Error('the message was lost');
    if (this.#lastReport !== undefined && this.#happens(0.3)) return this.#lastReport;
    this.#lastReport = await this.#node.getReport();
    return this.#lastReport;
  }

  getConsoleOutput(...args: Parameters<NodeClient['getConsoleOutput']>) {
    return this.#node.getConsoleOutput(...args);
  }

  readVolumes() {
    return this.#node.readVolumes();
  }

  readNetwork() {
    return this.#node.readNetwork();
  }

  readFlows(after: number) {
    return this.#node.readFlows(after);
  }

  onChange(listener: () => void): () => void {
    return this.#node.onChange(() => {
      if (!this.#happens(0.5)) listener();
    });
  }

  /** Newest first, so that older documents come after newer ones. */
  async #deliverDelayed(): Promise<void> {
    for (const intent of this.#delayed.splice(0).reverse()) await this.#node.putIntent(intent);
  }

  #happens(probability: number): boolean {
    return this.isBad && this.#chance() < probability;
  }
}
