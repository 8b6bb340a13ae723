// Owns the run with a large fleet: how long a cloud with thousands of nodes takes to know, fill, lose and empty them.

import assert from 'node:assert/strict';
import type { InstanceId } from '@ironbark/core/ids.ts';
import type { Figure } from '../figures.ts';
import { listLeftovers } from './clean-slate.ts';
import { cloudRows, lookAround } from './found.ts';
import { Life } from './life.ts';
import { findDoubles, findOrphans } from './orphans.ts';
import { World } from './world.ts';

export interface FleetRequest {
  nodes: number;
  seed: number;
  explain: (line: string) => void;
}

/** A default subnet has 4,091 addresses. */
const INSTANCES_AT_MOST = 4_000;
/** What one call can ask for. */
const LAUNCH_SIZE = 200;
const LIMIT_MS = 10 * 60_000;
const STEP_MS = 1_000;
const IDLE_MS = 20_000;

export async function measureFleet({ nodes, seed, explain }: FleetRequest): Promise<Figure[]> {
  using world = new World({ seed, nodes });
  const fleet = new Fleet(world, explain);
  const life = new Life(world);
  const joining = await fleet.measure('all nodes are known', async () => {
    await life.begin();
    await fleet.until(() => fleet.count('ready') === nodes);
  });
  const launches: number[] = [];
  const ids: InstanceId[] = [];
  const count = Math.min(nodes, INSTANCES_AT_MOST);
  const running = await fleet.measure(`${count} instances run`, async () => {
    for (let first = 0; first < count; first += LAUNCH_SIZE) {
      const started = cpuMs();
      const MaxCount = Math.min(LAUNCH_SIZE, count - first);
      const { Instances } = await life.call('RunInstances', launchOf(life, MaxCount, first));
      ids.push(...Instances!.map((instance) => instance.InstanceId as InstanceId));
      launches.push(cpuMs() - started);
    }
    await fleet.until(() => fleet.countRunning() === count);
  });
  const found = await lookAround(world);
  assert.deepEqual([...findOrphans(found), ...findDoubles(found)], []);
  const idle = await fleet.measure('nothing changes', () => life.pass(IDLE_MS));
  const again = await fleet.measure('known again after the cluster died', async () => {
    world.crash('cluster');
    await life.pass(4_000);
    await fleet.until(() => fleet.count('ready') === nodes);
  });
  const lost = await fleet.measure('a tenth of the nodes is seen to be lost', async () => {
    world.restartAfterMs = () => 60_000;
    const some = world.nodeIds.slice(0, Math.ceil(nodes / 10));
    for (const name of some) world.crash(name);
    await fleet.until(() => fleet.count('lost') === some.length);
  });
  await fleet.measure('and is back', () => fleet.until(() => fleet.count('ready') === nodes));
  await fleet.measure('all instances are over', async () => {
    for (let first = 0; first < ids.length; first += LAUNCH_SIZE) {
      await life.terminate(...ids.slice(first, first + LAUNCH_SIZE));
    }
    await fleet.until(() => fleet.countLive() === 0);
  });
  const left = listLeftovers(await lookAround(world));
  left.slice(0, 10).forEach(explain);
  const speed = (phase: Phase) => round(phase.virtualMs / phase.realMs);
  return [
    bar('nodes', nodes, nodes),
    bar('left over', left.length, 0),
    bar('known again within (virtual s)', again.virtualMs / 1000, 30),
    bar('lost within a lease (virtual s)', lost.virtualMs / 1000, 40),
    bar('cpu of a launch of 200, last (ms)', round(launches.at(-1)!), round(2 * launches[0]! + 50)),
    fact('cpu of joining (ms)', round(joining.cpuMs)),
    fact('instances run after (virtual s)', running.virtualMs / 1000),
    fact('instances a cpu second', round((1000 * count) / running.cpuMs)),
    fact('idle, virtual over real time', speed(idle)),
    fact('resident memory (MB)', round(process.memoryUsage().rss / 1e6)),
  ];
}

function launchOf(life: Life, MaxCount: number, number: number) {
  return {
    ImageId: life.imageId,
    InstanceType: 't3.nano' as const,
    MinCount: MaxCount,
    MaxCount,
    ClientToken: `fleet-${number}`,
  };
}

interface Phase {
  virtualMs: number;
  realMs: number;
  cpuMs: number;
}

class Fleet {
  readonly #world: World;
  readonly #explain: (line: string) => void;

  constructor(world: World, explain: (line: string) => void) {
    this.#world = world;
    this.#explain = explain;
  }

  async measure(what: string, work: () => Promise<void>): Promise<Phase> {
    const { simulation } = this.#world;
    const start = { virtualMs: simulation.nowMs, realMs: performance.now(), cpu: cpuMs() };
    await work();
    const phase = {
      virtualMs: simulation.nowMs - start.virtualMs,
      realMs: performance.now() - start.realMs,
      cpuMs: cpuMs() - start.cpu,
    };
    const { virtualMs, realMs } = phase;
    this.#explain(
      `${what}: ${virtualMs} virtual ms, ${round(realMs)} ms, cpu ${round(phase.cpuMs)}`,
    );
    return phase;
  }

  async until(isSo: () => boolean): Promise<void> {
    const { simulation } = this.#world;
    const untilMs = simulation.nowMs + LIMIT_MS;
    while (!isSo()) {
      assert.ok(simulation.nowMs < untilMs, 'the fleet does not get there');
      await simulation.run(simulation.nowMs + STEP_MS);
    }
  }

  /** As the cloud knows them. */
  count(health: 'ready' | 'lost'): number {
    return cloudRows(this.#world, 'node').filter((row) => row['health'] === health).length;
  }

  countRunning(): number {
    return cloudRows(this.#world, 'instance').filter((row) => row['observed_power'] === 'running')
      .length;
  }

  countLive(): number {
    return cloudRows(this.#world, 'instance').filter((row) => row['forgotten_at'] === null).length;
  }
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function bar(name: string, value: number, limit: number): Figure {
  return { name, value, bar: limit, ok: value <= limit };
}

function fact(name: string, value: number): Figure {
  return { name, value, bar: value, ok: true };
}
