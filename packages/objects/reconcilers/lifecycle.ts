// Owns the execution of lifecycles: what a bucket's rules have made due is expired, removed and aborted.
//
// Each key is decided anew in the transaction that changes it: what was written meanwhile is another version, and stays.

import { isServiceError } from '@ironbark/core/errors.ts';
import { type Reconciler, SETTLED } from '@ironbark/platform/reconciler.ts';
import type { LifecycleRule } from '@ironbark/protocol/s3/lifecycle.ts';
import { type Bucket, loadBucketById } from '../app/bucket-settings.ts';
import type { ObjectsContext } from '../app/context.ts';
import { isUploadDue, type LifecycleStep, lifecycleOf, planKey } from '../app/lifecycle.ts';
import { fromVersionRow } from '../app/object-version.ts';
import { abortUpload, fromUploadRow } from '../app/uploads.ts';
import { deleteVersion } from '../app/versions.ts';
import { listBucketsWith } from '../store/bucket-configurations.ts';
import type { ObjectVersionTable } from '../store/schema.ts';
import { listUploads } from '../store/uploads.ts';
import { findLatest, findVersion, listVersions, type VersionPosition } from '../store/versions.ts';

/** Versions that are looked at between two moments for others. */
const PAGE = 500;
/** More versions of one key than this are looked at in pieces, the newest first. */
const MAX_VERSIONS_OF_KEY = 10_000;

export function lifecycle(context: ObjectsContext): Reconciler {
  return {
    name: 'lifecycle',
    listKeys: () => listBucketsWith(context.db.query, 'lifecycle'),
    reconcile: async (bucketId, signal) => {
      const bucket = await loadBucketById(context, bucketId);
      const rules = bucket === undefined ? [] : lifecycleOf(bucket);
      if (bucket === undefined || rules.length === 0) return SETTLED;
      for await (const versions of keysOf(context, bucketId)) {
        if (signal.aborted) return SETTLED;
        await treatKey(context, bucket, { rules, versions });
      }
      await abortUploads(context, bucket, rules);
      return SETTLED;
    },
  };
}

/** All versions of each key in turn, the newest first. */
async function* keysOf(
  context: ObjectsContext,
  bucketId: string,
): AsyncGenerator<readonly ObjectVersionTable[]> {
  let from: VersionPosition | undefined = { key: '' };
  let group: ObjectVersionTable[] = [];
  while (from !== undefined) {
    const range = { bucketId, from, before: undefined, limit: PAGE };
    const rows: ObjectVersionTable[] = await listVersions(context.db.query, range);
    for (const row of rows) {
      const isOther = group[0] !== undefined && group[0].object_key !== row.object_key;
      if (isOther || group.length >= MAX_VERSIONS_OF_KEY) {
        yield group;
        group = [];
      }
      group.push(row);
    }
    const last = rows.at(-1);
    from = rows.length < PAGE || last === undefined ? undefined : after(last);
  }
  if (group.length > 0) yield group;
}

function after({ object_key: key, sequence: below }: ObjectVersionTable): VersionPosition {
  return { key, below };
}

async function treatKey(
  context: ObjectsContext,
  bucket: Bucket,
  { rules, versions }: { rules: readonly LifecycleRule[]; versions: readonly ObjectVersionTable[] },
): Promise<void> {
  const nowMs = context.clock.nowMs();
  const isVersioned = bucket.versioning !== null;
  const steps = planKey(rules, versions.map(fromVersionRow), { nowMs, isVersioned });
  for (const step of steps) await takeLifecycleStep(context, bucket, step);
}

async function takeLifecycleStep(
  context: ObjectsContext,
  bucket: Bucket,
  { kind, version }: LifecycleStep,
): Promise<void> {
  const { key, versionId } = version;
  try {
    await context.db.transaction(async (tx) => {
      const name = { bucketId: bucket.id, key, versionId };
      const present =
        kind === 'expire' ? await findLatest(tx, bucket.id, key) : await findVersion(tx, name);
      if (present?.id !== version.id) return;
      const named = kind === 'expire' ? {} : { versionId };
      await deleteVersion(context, tx, { bucket, key, ...named, conditions: {} });
    });
    context.logger.info('a lifecycle rule was followed', {
      bucket: bucket.name,
      key,
      versionId,
      kind,
    });
  } catch (error) {
    // What is locked stays until it is not.
    if (!isServiceError(error, 'not-authorized')) throw error;
  }
}

async function abortUploads(
  context: ObjectsContext,
  bucket: Bucket,
  rules: readonly LifecycleRule[],
): Promise<void> {
  const nowMs = context.clock.nowMs();
  let from: { key: string; uploadId: string } | undefined = { key: '', uploadId: '' };
  while (from !== undefined) {
    const range = { bucketId: bucket.id, from, before: undefined, limit: PAGE };
    const rows = await listUploads(context.db.query, range);
    for (const row of rows) {
      const upload = fromUploadRow(row);
      if (!isUploadDue(rules, upload, nowMs)) continue;
      const name = { bucket, key: upload.key, uploadId: upload.id };
      await abortUpload(context, name).catch(ignoreGone);
    }
    const last = rows.at(-1);
    from =
      rows.length < PAGE || last === undefined
        ? undefined
        : { key: last.object_key, uploadId: last.id };
  }
}

/** Somebody else has completed or aborted it. */
function ignoreGone(error: unknown): void {
  if (!isServiceError(error, 'not-found')) throw error;
}
