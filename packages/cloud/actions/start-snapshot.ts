// Owns StartSnapshot: a snapshot that is written block by block.

import { ServiceError } from '@ironbark/core/errors.ts';
import { isResourceId, type SnapshotId } from '@ironbark/core/ids.ts';
import type { EbsRequest } from '@ironbark/protocol/ebs/operations.ts';
import { SNAPSHOT_BLOCK_BYTES } from '@ironbark/protocol/internal/snapshot-reader.ts';
import { changeFor } from '../app/change.ts';
import { makeOnce } from '../app/client-tokens.ts';
import { notOffered } from '../app/refusals.ts';
import { refuseBlocks } from '../app/snapshot-blocks.ts';
import { parseTags, setTags, type Tag, TagIndex } from '../app/tags.ts';
import { beginWriting, tellStorage, type WriteWish } from '../app/written-snapshots.ts';
import type { SnapshotRow } from '../store/schema.ts';
import { findSnapshot } from '../store/snapshots.ts';
import { listTagsOf } from '../store/tags.ts';
import type { EbsHandler } from './ebs-handler.ts';

/** EBS's largest volume, in GiB. */
const MAX_VOLUME_GIB = 65_536;
/** AWS's own ("StartSnapshot", Timeout), in minutes. */
const TIMEOUT_MINUTES = { min: 10, max: 4_320, default: 60 };
const MINUTE_MS = 60_000;
const MAX_DESCRIPTION_CHARACTERS = 255;

export const startSnapshot: EbsHandler = async (app, context, request) => {
  const input = readInput(request);
  const { token, tags, ...wish } = readWish(input);
  const call = { action: 'StartSnapshot', token, parameters: input };
  const { row, kept } = await changeFor(app, context, async (change) => {
    const [id] = await makeOnce<SnapshotId>(change, context, call, async () => {
      const made = await beginWriting(app, context, change, wish);
      await setTags(change.tx, context.accountId, made, tags);
      return [made];
    });
    const found = (await findSnapshot(change.tx, id!))!;
    return { row: found, kept: new TagIndex(await listTagsOf(change.tx, found.id)).of(found.id) };
  });
  await tellStorage(app, row);
  return { status: 201, json: render(row, kept) };
};

function render(row: SnapshotRow, tags: readonly Tag[]): object {
  return {
    SnapshotId: row.id,
    Description: row.description,
    OwnerId: row.accountId,
    Status: 'pending',
    StartTime: row.createdAt / 1000,
    VolumeSize: row.volumeSizeGib,
    BlockSize: SNAPSHOT_BLOCK_BYTES,
    Tags: tags.map(({ key, value }) => ({ Key: key, Value: value })),
    ...(row.writeParentId === null ? {} : { ParentSnapshotId: row.writeParentId }),
  };
}

type Input = Readonly<Record<string, unknown>>;

function readInput({ body }: EbsRequest): Input {
  try {
    const input: unknown = JSON.parse(body.toString('utf8') || '{}');
    if (typeof input === 'object' && input !== null && !Array.isArray(input)) return input as Input;
  } catch (cause) {
    throw malformed('The body is not JSON.', cause);
  }
  throw malformed('The body is not a JSON object.');
}

function malformed(message: string, cause?: unknown): ServiceError {
  return new ServiceError({ kind: 'malformed-input', resource: 'request', message, cause });
}

function readWish(input: Input): WriteWish & { token: string | undefined; tags: Tag[] } {
  const { Encrypted, KmsKeyArn, ParentSnapshotId, Description, ClientToken } = input;
  if (Encrypted === true) throw notOffered('Encryption of a snapshot that is written by blocks');
  if (KmsKeyArn !== undefined) throw notOffered('The parameter KmsKeyArn');
  const size = { min: 1, max: MAX_VOLUME_GIB, reason: 'INVALID_VOLUME_SIZE' };
  const volumeSizeGib = readNumber(input, 'VolumeSize', size);
  if (volumeSizeGib === undefined) throw invalid('INVALID_VOLUME_SIZE', 'VolumeSize is missing.');
  const minutes = readNumber(input, 'Timeout', TIMEOUT_MINUTES) ?? TIMEOUT_MINUTES.default;
  const parentId = readText(ParentSnapshotId, 'ParentSnapshotId');
  if (parentId !== undefined && !isResourceId('snap', parentId)) {
    throw refuseBlocks('malformed-id', 'INVALID_SNAPSHOT_ID', 'The parent is no snapshot ID.');
  }
  const description = readText(Description, 'Description') ?? '';
  if ([...description].length > MAX_DESCRIPTION_CHARACTERS) {
    throw invalidValue(`A description has up to ${MAX_DESCRIPTION_CHARACTERS} characters.`);
  }
  const token = readText(ClientToken, 'ClientToken');
  const tags = readTags(input['Tags']);
  return { volumeSizeGib, parentId, description, timeoutMs: minutes * MINUTE_MS, token, tags };
}

function readTags(value: unknown): Tag[] {
  if (value === undefined || value === null) return [];
  const isList = Array.isArray(value) && value.every((each) => typeof each === 'object' && each);
  if (!isList) throw refuseBlocks('invalid-parameter', 'INVALID_TAG', 'Tags is a list of tags.');
  const texts = value.flatMap((tag: Input) => [tag['Key'] ?? '', tag['Value'] ?? '']);
  if (texts.every((each) => typeof each === 'string')) return parseTags(value);
  throw refuseBlocks('invalid-parameter', 'INVALID_TAG', 'Keys and values of tags are text.');
}

function readText(value: unknown, name: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  throw invalidValue(`The parameter ${name} is text.`);
}

function readNumber(
  input: Input,
  name: string,
  { min, max, reason = 'INVALID_PARAMETER_VALUE' }: { min: number; max: number; reason?: string },
): number | undefined {
  const value = input[name];
  if (value === undefined || value === null) return undefined;
  const isGood = Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max;
  if (isGood) return Number(value);
  throw invalid(reason, `The parameter ${name} is a whole number from ${min} to ${max}.`);
}

function invalidValue(message: string): ServiceError {
  return invalid('INVALID_PARAMETER_VALUE', message);
}

function invalid(reason: string, message: string): ServiceError {
  return refuseBlocks('invalid-parameter', reason, message);
}
