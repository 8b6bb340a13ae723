import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import type { QmpClient } from '@ironbark/platform/qmp.ts';
import type { FreezePoint } from '@ironbark/protocol/internal/block-target.ts';
import { freezeTogether } from './freeze-together.ts';

/** Writes to its volumes in turn, the next one when the last was answered; each turn of the test lets it try. */
class World {
  readonly volumes: { isExported: boolean; isEnding: boolean; content: number; frozen?: number }[];
  #next = 0;
  readonly #failsAt: number | undefined;

  constructor(count: number, failsAt?: number) {
    this.#failsAt = failsAt;
    this.volumes = Array.from({ length: count }, () => ({
      isExported: true,
      isEnding: false,
      content: -1,
    }));
  }

  /** Long enough to come round to every volume. */
  write(): void {
    for (let tries = 0; tries < 3 * this.volumes.length; tries++) {
      const volume = this.volumes[this.#next % this.volumes.length]!;
      if (!volume.isExported) return;
      volume.content = this.#next;
      this.#next += 1;
    }
  }

  async freeze(): Promise<void> {
    const points = this.volumes.map((_, at): FreezePoint => {
      const digits = String(at).padStart(17, '0');
      return {
        id: `vol-${digits}` satisfies VolumeId,
        snapshotId: `snap-${digits}` satisfies SnapshotId,
        sizeBytes: 1,
      };
    });
    const at = ({ id }: FreezePoint) => this.volumes[Number(id.slice(4))]!;
    await freezeTogether(points, {
      prepare: async (point) => {
        const qmp = { execute: this.#daemonOf(at(point)) } as unknown as QmpClient;
        return { qmp, passphrase: undefined };
      },
      insert: async (_qmp, point) => {
        // Each takes longer than the one before it.
        for (let late = 0; late <= points.indexOf(point); late++) await this.#pass();
        if (points.indexOf(point) === this.#failsAt) throw new Error('planted');
        at(point).frozen = at(point).content;
        await this.#pass();
      },
      serve: async (point, _qmp, exported) => {
        await this.#pass();
        at(point).isExported = exported;
        await this.#pass();
      },
      clock: systemClock,
    });
  }

  /** An export that is told to end takes one request more. */
  #daemonOf(volume: World['volumes'][number]) {
    return async (command: string) => {
      await this.#pass();
      if (command === 'block-export-del') volume.isEnding = true;
      if (command !== 'query-block-exports') return {};
      const found = volume.isExported ? [{ id: 'volume', 'shutting-down': volume.isEnding }] : [];
      if (volume.isEnding) {
        volume.isExported = false;
        volume.isEnding = false;
      }
      return found;
    };
  }

  async #pass(): Promise<void> {
    this.write();
    await Promise.resolve();
    this.write();
  }
}

test('no volume of a set has what was written after something that another one lacks', async () => {
  for (const count of [1, 2, 5]) {
    const world = new World(count);
    world.write();
    await world.freeze();
    world.write();
    const frozen = world.volumes.map((volume) => volume.frozen!);
    // The last records of the volumes are one run, so nothing between them is missing.
    assert.equal(Math.max(...frozen) - Math.min(...frozen), count - 1, frozen.join(' '));
    assert.ok(world.volumes.every(({ isExported }) => isExported));
  }
});

test('a set that fails gives every volume back', async () => {
  const world = new World(3, 1);
  await assert.rejects(world.freeze(), /planted/);
  assert.ok(world.volumes.every(({ isExported }) => isExported));
});
