// Owns the rules of launch templates: names, versions, which of them is meant, and which is the default.

import type { AccountId, LaunchTemplateId } from '@ironbark/core/ids.ts';
import { newId } from '@ironbark/platform/random.ts';
import type {
  LaunchTemplateRow,
  LaunchTemplateVersionRow,
} from '../store/launch-template-schema.ts';
import {
  countTemplates,
  deleteTemplate,
  findTemplate,
  findVersion,
  getLatestVersion,
  insertTemplate,
  insertVersion,
  updateTemplate,
} from '../store/launch-templates.ts';
import type { Queries } from '../store/store.ts';
import { deleteTags } from '../store/tags.ts';
import type { App } from './app.ts';
import type { Caller, Change } from './change.ts';
import { invalidCombination, invalidValue, missingParameter, refuse } from './refusals.ts';
import { LAUNCH_TEMPLATE, parseId } from './resource-ids.ts';
import { setTags, type Tag } from './tags.ts';

/** How a request names a template; exactly one of them. */
export interface TemplateName {
  LaunchTemplateId?: string | undefined;
  LaunchTemplateName?: string | undefined;
}

export interface NewVersion {
  data: string;
  description: string | undefined;
  createdBy: string;
}

/** "Amazon EC2 service quotas": launch templates of a region, and versions of one template. */
const MAX_TEMPLATES = 5_000;
const MAX_VERSIONS = 10_000;
const MAX_DESCRIPTION = 255;

export function checkTemplateName(name: string): string {
  if (/^[a-zA-Z0-9().\-/_]{3,128}$/.test(name)) return name;
  throw refuse(
    'invalid-parameter',
    'launch-template-name',
    'Launch template names must be between 3 and 128 characters, and may contain letters, numbers, and the following characters: - ( ) . / _.',
  );
}

export function checkVersionDescription(text: string | undefined): string | undefined {
  if (text === undefined || text.length <= MAX_DESCRIPTION) return text;
  throw invalidValue(
    'VersionDescription',
    `${text.slice(0, 40)}...`,
    `It has at most ${MAX_DESCRIPTION} characters.`,
  );
}

function parseTemplateName(named: TemplateName): { id: LaunchTemplateId } | { name: string } {
  const { LaunchTemplateId: id, LaunchTemplateName: name } = named;
  if (id !== undefined && name !== undefined) {
    throw invalidCombination(
      'Either provide launch template ID or launch template name to modify the template.',
    );
  }
  if (name !== undefined) return { name };
  if (id === undefined) throw missingParameter('launch template ID or launch template name');
  return { id: parseId(LAUNCH_TEMPLATE, id, 'LaunchTemplateId') };
}

export async function getTemplate(
  db: Queries,
  accountId: AccountId,
  named: TemplateName,
): Promise<LaunchTemplateRow> {
  const by = parseTemplateName(named);
  const template = await findTemplate(db, accountId, by);
  if (template !== undefined) return template;
  if ('name' in by) {
    throw refuse(
      'not-found',
      'launch-template-name',
      `The specified launch template, with template name ${by.name.slice(0, 128)}, does not exist.`,
    );
  }
  throw refuse(
    'not-found',
    'launch-template',
    `The specified launch template, with template ID ${by.id}, does not exist.`,
  );
}

/** EC2's own sentence, as those of this module. */
export function noSuchName(): Error {
  return refuse(
    'not-found',
    'launch-template-name',
    'At least one of the launch templates specified in the request does not exist.',
  );
}

export async function addTemplate(
  app: App,
  { accountId }: Caller,
  { tx, nowMs }: Change,
  wanted: NewVersion & { name: string; tags: readonly Tag[] },
): Promise<LaunchTemplateId> {
  const { name, createdBy } = wanted;
  if ((await findTemplate(tx, accountId, { name })) !== undefined) {
    throw refuse('duplicate', 'launch-template', 'Launch template name already in use.');
  }
  if ((await countTemplates(tx, accountId)) >= MAX_TEMPLATES) {
    throw refuse('limit-exceeded', 'launch-template', `An account can have ${MAX_TEMPLATES}.`);
  }
  const id = newId(app.random, 'lt');
  const row = { id, accountId, name, createdBy, createdAt: nowMs };
  await insertTemplate(tx, { ...row, defaultVersion: 1, latestVersion: 1 });
  await insertVersion(tx, versionRow(row, 1, wanted, nowMs));
  await setTags(tx, accountId, id, wanted.tags);
  return id;
}

export async function addVersion(
  { tx, nowMs }: Change,
  template: LaunchTemplateRow,
  wanted: NewVersion,
): Promise<LaunchTemplateVersionRow> {
  const version = template.latestVersion + 1;
  if (version > MAX_VERSIONS) {
    throw refuse(
      'limit-exceeded',
      'launch-template-version',
      `A launch template can have ${MAX_VERSIONS} versions.`,
    );
  }
  const row = versionRow(template, version, wanted, nowMs);
  await insertVersion(tx, row);
  await updateTemplate(tx, template.id, { latestVersion: version });
  return row;
}

function versionRow(
  { id, accountId }: Pick<LaunchTemplateRow, 'id' | 'accountId'>,
  version: number,
  { data, description, createdBy }: NewVersion,
  createdAt: number,
): LaunchTemplateVersionRow {
  const described = { description: description ?? null, data, createdBy, createdAt };
  return { templateId: id, version, accountId, ...described };
}

/** A number, `$Default` or `$Latest`. */
export async function getVersion(
  db: Queries,
  template: LaunchTemplateRow,
  text: string,
  absent?: string,
): Promise<LaunchTemplateVersionRow> {
  if (text === '$Latest') return getLatestVersion(db, template.id);
  const number = text === '$Default' ? template.defaultVersion : parseVersionNumber(text);
  const row = await findVersion(db, template.id, number);
  if (row !== undefined) return row;
  throw refuse(
    'not-found',
    'launch-template-version',
    absent ??
      `Could not find the specified version ${number} for the launch template with ID ${template.id}.`,
  );
}

export function parseVersionNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw invalidValue(
    'LaunchTemplateVersion',
    text.slice(0, 64),
    "It is a version's number, $Default or $Latest.",
  );
}

export async function removeTemplate(
  { tx }: Change,
  { id }: Pick<LaunchTemplateRow, 'id'>,
): Promise<void> {
  await deleteTemplate(tx, id);
  await deleteTags(tx, id);
}
