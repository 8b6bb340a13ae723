// Owns the tables of launch templates as types.

import type { AccountId, LaunchTemplateId } from '@ironbark/core/ids.ts';
import type { Selectable } from 'kysely';

export interface LaunchTemplateTable {
  id: LaunchTemplateId;
  accountId: AccountId;
  name: string;
  /** The ARN of who made it. */
  createdBy: string;
  createdAt: number;
  defaultVersion: number;
  /** The highest number that was ever given: those of deleted versions do not come back. */
  latestVersion: number;
}

export interface LaunchTemplateVersionTable {
  templateId: LaunchTemplateId;
  version: number;
  accountId: AccountId;
  description: string | null;
  /** AWS's LaunchTemplateData as it was given, as JSON. */
  data: string;
  createdBy: string;
  createdAt: number;
}

export type LaunchTemplateRow = Selectable<LaunchTemplateTable>;
export type LaunchTemplateVersionRow = Selectable<LaunchTemplateVersionTable>;
