// Owns the contract by which services learn who signed a request.

import type { AccountId } from '@ironbark/core/ids.ts';

/** Who a verified request speaks for. */
export interface Principal {
  accountId: AccountId;
  /** `arn:aws:iam::123456789012:root` or `...:user/name`. */
  arn: string;
  /** The unique id that STS shows: the account id for root, `AIDA...` for users. */
  userId: string;
  /** The account's owner, who may do everything in it. */
  isRoot: boolean;
}

export interface AccessKeyRecord {
  accessKeyId: string;
  secretAccessKey: string;
  /** Present on temporary keys; the request has to carry it. */
  sessionToken?: string;
  principal: Principal;
}

export interface IdentityClient {
  /** Undefined for unknown, inactive and expired keys. */
  findAccessKey(accessKeyId: string): Promise<AccessKeyRecord | undefined>;
}
