// Owns what goes wrong in a run: chosen by the seed, one after another, until it is told to end.

import type { NodeId } from '@ironbark/core/ids.ts';
import { GOOD_NETWORK } from './messages.ts';
import { CONTROLLERS, type World } from './world.ts';

/** How bad a run is. */
export interface Weather {
  drop: number;
  duplicate: number;
  late: number;
  /** The slowest message. */
  delayMs: number;
  /** Shares of calls that fail. */
  driver: number;
  objects: number;
  /** Mean time between two crashes, cuts or armed steps. */
  everyMs: number;
  /** A process that died comes back after at most this. */
  awayMs: number;
}

/** Some seeds are gentle and some are not; every part may be the only one. */
export function chooseWeather(world: World): Weather {
  const { simulation } = world;
  const some = (most: number) =>
    simulation.happens(0.6) ? simulation.random.fraction() * most : 0;
  return {
    drop: some(0.3),
    duplicate: some(0.2),
    late: some(0.1),
    delayMs: simulation.pick([3, 30, 300, 3_000])!,
    driver: some(0.2),
    objects: some(0.2),
    everyMs: simulation.pick([2_000, 5_000, 15_000, 60_000])!,
    awayMs: simulation.pick([100, 5_000, 60_000])!,
  };
}

/** 10 % of all messages are lost, and nothing else happens: P6 of the figures to hold. */
export const MESSAGES_LOST: Weather = {
  drop: 0.1,
  duplicate: 0,
  late: 0,
  delayMs: 100,
  driver: 0,
  objects: 0,
  everyMs: Number.POSITIVE_INFINITY,
  awayMs: 0,
};

/** At most this many steps or commits pass before an armed crash. */
const ARMED_AT_MOST = 12;
const CUT_AT_MOST_MS = 90_000;
/** All clocks are set anew, forwards or back. */
const CLOCK_JUMP_MS = 60 * 60_000;

export class Disturbances {
  crashesAtSteps = 0;
  cuts = 0;
  readonly #world: World;
  readonly #weather: Weather;
  #isOver = false;
  /** Steps or commits until the next one ends its process. */
  #stepsLeft = Number.POSITIVE_INFINITY;
  #commitsLeft = Number.POSITIVE_INFINITY;

  constructor(world: World, weather: Weather) {
    this.#world = world;
    this.#weather = weather;
  }

  begin(): void {
    const { simulation, messages, failureRates, steps } = this.#world;
    const { drop, duplicate, late, delayMs, driver, objects, awayMs } = this.#weather;
    messages.conditions = { delayMs: [1, delayMs], drop, duplicate, late };
    Object.assign(failureRates, { driver, objects });
    this.#world.restartAfterMs = () => simulation.between(1, awayMs + 2);
    steps.choose = () => {
      this.#stepsLeft -= 1;
      if (this.#stepsLeft > 0 || this.#isOver) return undefined;
      this.#stepsLeft = Number.POSITIVE_INFINITY;
      this.crashesAtSteps += 1;
      return simulation.happens(0.5) ? 'crashes before' : 'crashes after';
    };
    this.#world.onCommit = (process) => {
      this.#commitsLeft -= 1;
      if (this.#commitsLeft > 0 || this.#isOver) return;
      this.#commitsLeft = Number.POSITIVE_INFINITY;
      this.crashesAtSteps += 1;
      this.#world.kill(process);
    };
    this.#planNext();
  }

  /** From now on nothing goes wrong any more; processes that are away come back. */
  end(): void {
    this.#isOver = true;
    this.#world.messages.conditions = GOOD_NETWORK;
    Object.assign(this.#world.failureRates, { driver: 0, objects: 0 });
    for (const name of this.#world.nodeIds) this.#heal(name);
  }

  #planNext(): void {
    const { everyMs } = this.#weather;
    if (everyMs === Number.POSITIVE_INFINITY) return;
    const { simulation } = this.#world;
    const delayMs = simulation.between(1, 2 * everyMs);
    simulation.after(delayMs, 'something goes wrong', () => {
      if (this.#isOver) return;
      this.#disturb();
      this.#planNext();
    });
  }

  #disturb(): void {
    const { simulation, nodeIds } = this.#world;
    const node = simulation.pick(nodeIds)!;
    const controller = simulation.pick(CONTROLLERS)!;
    const choice = simulation.between(0, 100);
    if (choice < 15) this.#world.crash(controller);
    else if (choice < 30) this.#world.crash(node);
    else if (choice < 37) this.#world.restart(controller);
    else if (choice < 45) this.#world.restart(node);
    else if (choice < 65) this.#stepsLeft = simulation.between(1, ARMED_AT_MOST);
    else if (choice < 80) this.#commitsLeft = simulation.between(1, ARMED_AT_MOST);
    else if (choice < 84) for (const name of CONTROLLERS) this.#world.crash(name);
    else if (choice < 89) this.#endGuest(node);
    else if (choice < 92)
      simulation.wallAheadMs = simulation.between(-CLOCK_JUMP_MS, CLOCK_JUMP_MS);
    else this.#cut(node);
  }

  /** A hypervisor dies while its node's process is away. */
  #endGuest(node: NodeId): void {
    const { files, simulation } = this.#world;
    const folder = `/simulated/${node}/simulated-guests`;
    const name = simulation.pick(files.list(folder).filter((each) => each.endsWith('.json')));
    this.#world.crash(node);
    if (name !== undefined) files.overwrite(`${folder}/${name}`, undefined);
  }

  /** One way, the other, or both. */
  #cut(node: string): void {
    const { simulation, messages } = this.#world;
    const which = simulation.between(0, 3);
    if (which !== 0) messages.cut('cluster', node);
    if (which !== 1) messages.cut(node, 'cluster');
    this.cuts += 1;
    const delayMs = simulation.between(1_000, CUT_AT_MOST_MS);
    simulation.after(delayMs, `${node} is reached again`, () => this.#heal(node));
  }

  #heal(node: string): void {
    this.#world.messages.heal('cluster', node);
    this.#world.messages.heal(node, 'cluster');
  }
}
