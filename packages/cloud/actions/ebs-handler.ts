// Owns the type of one operation of the EBS direct APIs: its request as it was read, and the two forms of an answer.

import type { EbsRequest } from '@ironbark/protocol/ebs/operations.ts';
import type { App } from '../app/app.ts';
import type { RequestContext } from './action.ts';

export type EbsAnswer =
  | { json: object; status?: number; headers?: Readonly<Record<string, string>> }
  | { bytes: Buffer; headers: Readonly<Record<string, string>> };

export type EbsHandler = (
  app: App,
  context: RequestContext,
  request: EbsRequest,
) => Promise<EbsAnswer>;

export type EbsActions = (context: RequestContext, request: EbsRequest) => Promise<EbsAnswer>;
