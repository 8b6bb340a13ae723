// Owns EC2's shape of a launch template and of its versions.

import type {
  LaunchTemplate,
  LaunchTemplateVersion,
  RequestLaunchTemplateData,
  ResponseLaunchTemplateData,
} from '@aws-sdk/client-ec2';
import type { Tag } from '../app/tags.ts';
import type {
  LaunchTemplateRow,
  LaunchTemplateVersionRow,
} from '../store/launch-template-schema.ts';
import { tagsOf } from './render-instance.ts';

export function renderTemplate(row: LaunchTemplateRow, tags: readonly Tag[]): LaunchTemplate {
  return {
    LaunchTemplateId: row.id,
    LaunchTemplateName: row.name,
    CreateTime: new Date(row.createdAt),
    CreatedBy: row.createdBy,
    DefaultVersionNumber: row.defaultVersion,
    LatestVersionNumber: row.latestVersion,
    ...tagsOf(tags),
  };
}

export function renderVersion(
  template: LaunchTemplateRow,
  row: LaunchTemplateVersionRow,
): LaunchTemplateVersion {
  return {
    LaunchTemplateId: template.id,
    LaunchTemplateName: template.name,
    VersionNumber: row.version,
    ...(row.description === null ? {} : { VersionDescription: row.description }),
    CreateTime: new Date(row.createdAt),
    CreatedBy: row.createdBy,
    DefaultVersion: row.version === template.defaultVersion,
    LaunchTemplateData: readTemplateData(row) as ResponseLaunchTemplateData,
  };
}

/** JSON has no times; there is one place for one. */
export function readTemplateData({
  data,
}: Pick<LaunchTemplateVersionRow, 'data'>): RequestLaunchTemplateData {
  const parsed = JSON.parse(data) as RequestLaunchTemplateData;
  const spot = parsed.InstanceMarketOptions?.SpotOptions;
  if (spot?.ValidUntil !== undefined) spot.ValidUntil = new Date(spot.ValidUntil);
  return parsed;
}
