// Owns the contract by which services learn who signed a request.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { PolicyDocument } from '../policy/document.ts';

/** Who a verified request speaks for. */
export interface Principal {
  accountId: AccountId;
  /** `arn:aws:iam::123456789012:root`, `...:user/name` or `arn:aws:sts::123456789012:assumed-role/role/session`. */
  arn: string;
  /** The unique id that STS shows: the account id for root, `AIDA...` for users, `AROA...:session` for roles. */
  userId: string;
  /** The account's owner, who may do everything in it. */
  isRoot: boolean;
  /** Of a role's session: the role. */
  roleArn?: string;
  /** Of temporary credentials: since when they are good. */
  issuedAtMs?: number;
  tags?: Readonly<Record<string, string>>;
  /** What its account lets it do; without them nothing, unless it is the root. */
  permissions?: Permissions;
}

/** Policies as they were when the request came. */
export interface Permissions {
  /** Its own, its groups', or its role's. */
  identity: readonly PolicyDocument[];
  /** It has to allow as well: the permissions boundary. */
  boundary?: PolicyDocument;
  /** One of them has to allow as well: what the session was narrowed to. */
  session?: readonly PolicyDocument[];
}

export interface AccessKeyRecord {
  accessKeyId: string;
  secretAccessKey: string;
  /** Present on temporary keys; the request has to carry it. */
  sessionToken?: string;
  /** Of a temporary key. */
  expiresAtMs?: number;
  principal: Principal;
}

export interface IdentityClient {
  /** Undefined for unknown and inactive keys. */
  findAccessKey(accessKeyId: string): Promise<AccessKeyRecord | undefined>;
  /** How many buckets an account may have; undefined where nobody says. */
  findBucketLimit?(accountId: AccountId): Promise<number | undefined>;
  /** A request was proven to be signed with it. */
  noteUse?(accessKeyId: string, use: { service: string; region: string; atMs: number }): void;
}
