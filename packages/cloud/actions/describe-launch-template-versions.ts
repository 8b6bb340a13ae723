// Owns DescribeLaunchTemplateVersions: versions of one template, or the latest or default ones of all.

import type { RequestLaunchTemplateData } from '@aws-sdk/client-ec2';
import type { FilterTable } from '../app/filters.ts';
import { getTemplate, getVersion, parseVersionNumber } from '../app/launch-templates.ts';
import { invalidCombination, refuse } from '../app/refusals.ts';
import type {
  LaunchTemplateRow,
  LaunchTemplateVersionRow,
} from '../store/launch-template-schema.ts';
import { listTemplates, listVersions } from '../store/launch-templates.ts';
import type { Queries } from '../store/store.ts';
import type { Ec2Handler } from './handler.ts';
import { readTemplateData, renderVersion } from './render-launch-template.ts';
import { selectPage } from './select-page.ts';

interface VersionItem {
  template: LaunchTemplateRow;
  row: LaunchTemplateVersionRow;
  data: RequestLaunchTemplateData;
}

type Input = Parameters<Ec2Handler<'DescribeLaunchTemplateVersions'>>[2];

const FILTERS: FilterTable<VersionItem> = {
  names: {
    'create-time': ({ row }) => new Date(row.createdAt).toISOString(),
    'ebs-optimized': ({ data }) => data.EbsOptimized,
    'http-endpoint': ({ data }) => data.MetadataOptions?.HttpEndpoint,
    'http-protocol-ipv4': () => undefined,
    'http-tokens': ({ data }) => data.MetadataOptions?.HttpTokens,
    'http-protocol-ipv6': ({ data }) => data.MetadataOptions?.HttpProtocolIpv6,
    'host-resource-group-arn': ({ data }) => data.Placement?.HostResourceGroupArn,
    'http-put-response-hop-limit': ({ data }) => data.MetadataOptions?.HttpPutResponseHopLimit,
    'iam-instance-profile': ({ data }) => data.IamInstanceProfile?.Arn,
    'image-id': ({ data }) => data.ImageId,
    'instance-type': ({ data }) => data.InstanceType,
    'is-default-version': ({ template, row }) => row.version === template.defaultVersion,
    'kernel-id': ({ data }) => data.KernelId,
    'license-configuration-arn': ({ data }) =>
      (data.LicenseSpecifications ?? []).map((one) => one.LicenseConfigurationArn),
    'network-card-index': ({ data }) =>
      (data.NetworkInterfaces ?? []).map((one) => one.NetworkCardIndex),
    'ram-disk-id': ({ data }) => data.RamDiskId,
  },
};
const MAX_RESULTS = 200;

export const describeLaunchTemplateVersions: Ec2Handler<'DescribeLaunchTemplateVersions'> = async (
  app,
  context,
  input,
) => {
  const found = await listWanted(app.store.query, context.accountId, input);
  const { items, nextToken } = selectPage(
    found.map(([template, row]): VersionItem => ({ template, row, data: readTemplateData(row) })),
    input,
    {
      action: 'DescribeLaunchTemplateVersions',
      table: FILTERS,
      sortKey: ({ template, row }) => `${template.name} ${String(row.version).padStart(9, '0')}`,
      minResults: 1,
      maxResults: MAX_RESULTS,
    },
  );
  return {
    LaunchTemplateVersions: items.map(({ template, row }) => renderVersion(template, row)),
    NextToken: nextToken,
  };
};

type Found = readonly [template: LaunchTemplateRow, row: LaunchTemplateVersionRow];

async function listWanted(db: Queries, accountId: string, input: Input): Promise<Found[]> {
  const { LaunchTemplateId, LaunchTemplateName, Versions = [] } = input;
  if (LaunchTemplateId === undefined && LaunchTemplateName === undefined) {
    return listOfAll(db, accountId, Versions);
  }
  const template = await getTemplate(db, accountId, input);
  const rows =
    Versions.length === 0
      ? await listVersions(db, template.id)
      : await Promise.all([...new Set(Versions)].map((text) => getVersion(db, template, text)));
  const inRange = rows.filter(rangeOf(input));
  return [...new Map(inRange.map((row) => [row.version, row])).values()].map((row) => [
    template,
    row,
  ]);
}

/** EC2's own words, which are those of its command line. */
const HOW =
  'To describe the launch template data for all your launch templates, for ‘--versions’ specify ‘$Latest’, ‘$Default’, or both, and omit ‘--launch-template-id’, ‘--launch-template-name’, and version numbers. To describe the launch template data for a specific launch template, specify ‘--launch-template-id’ or ‘--launch-template-name’, and for ‘--versions’ specify one or more of the following values: ‘$Latest’, ‘$Default’, or one or more version numbers.';

/** "To describe all the latest or default versions, omit the template": only these two can be asked for. */
async function listOfAll(
  db: Queries,
  accountId: string,
  versions: readonly string[],
): Promise<Found[]> {
  if (versions.length === 0) throw refuse('missing-parameter', 'request', HOW);
  const strange = versions.find((text) => text !== '$Latest' && text !== '$Default');
  if (strange !== undefined) throw refuse('invalid-parameter', 'request', HOW);
  const found: Found[] = [];
  for (const template of await listTemplates(db, accountId)) {
    const rows = await Promise.all(versions.map((text) => getVersion(db, template, text)));
    const each = new Map(rows.map((row) => [row.version, row]));
    for (const row of each.values()) found.push([template, row]);
  }
  return found;
}

function rangeOf({
  MinVersion,
  MaxVersion,
  Versions = [],
}: Input): (row: LaunchTemplateVersionRow) => boolean {
  const hasRange = MinVersion !== undefined || MaxVersion !== undefined;
  if (hasRange && Versions.length > 0) {
    throw invalidCombination('Give Versions, or MinVersion and MaxVersion.');
  }
  const min = MinVersion === undefined ? 1 : parseVersionNumber(MinVersion);
  const max = MaxVersion === undefined ? Infinity : parseVersionNumber(MaxVersion);
  return ({ version }) => version >= min && version <= max;
}
