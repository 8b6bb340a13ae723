// Owns how state is changed: one transaction, then a hint to the reconcilers of everything that it touched.

import { ServiceError } from '@ironbark/core/errors.ts';
import type {
  AccountId,
  ImageId,
  InstanceId,
  SnapshotId,
  VolumeId,
  VpcId,
} from '@ironbark/core/ids.ts';
import type { Queries } from '../store/store.ts';
import type { App } from './app.ts';

/** On whose behalf a rule runs; every request's context is one. */
export interface Caller {
  accountId: AccountId;
  dryRun: boolean;
}

export interface Change {
  tx: Queries;
  nowMs: number;
  /** What the reconcilers should look at once this is on stable storage. */
  touched: {
    instances: Set<InstanceId>;
    volumes: Set<VolumeId>;
    snapshots: Set<SnapshotId>;
    images: Set<ImageId>;
    vpcs: Set<VpcId>;
    placement: boolean;
  };
}

/** Runs `work` in a transaction and wakes the reconcilers of what it touched. */
export async function change<Result>(
  app: App,
  work: (change: Change) => Promise<Result>,
): Promise<Result> {
  const touched: Change['touched'] = {
    instances: new Set(),
    volumes: new Set(),
    snapshots: new Set(),
    images: new Set(),
    vpcs: new Set(),
    placement: false,
  };
  const result = await app.store.transaction((tx) =>
    work({ tx, nowMs: app.clock.nowMs(), touched }),
  );
  for (const id of touched.vpcs) app.wake.vpc(id);
  if (touched.placement) app.wake.placement();
  for (const id of touched.instances) app.wake.instance(id);
  for (const id of touched.volumes) app.wake.volume(id);
  for (const id of touched.snapshots) app.wake.snapshot(id);
  for (const id of touched.images) app.wake.image(id);
  return result;
}

/**
 * A change on behalf of a caller. With DryRun everything is checked and done, and then rolled back: what a dry
 * run accepts is by construction what the real call accepts.
 */
export function changeFor<Result>(
  app: App,
  caller: Caller,
  work: (change: Change) => Promise<Result>,
): Promise<Result> {
  return change(app, async (inside) => {
    const result = await work(inside);
    if (caller.dryRun) throw dryRunSucceeded();
    return result;
  });
}

export function dryRunSucceeded(): ServiceError {
  return new ServiceError({
    kind: 'dry-run',
    resource: 'request',
    message: 'Request would have succeeded, but DryRun flag is set.',
  });
}
