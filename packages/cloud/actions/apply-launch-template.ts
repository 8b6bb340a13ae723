// Owns a launch from a template: what the template says, except where the request says something else.

import type { RequestLaunchTemplateData, TagSpecification } from '@aws-sdk/client-ec2';
import type { AccountId, LaunchTemplateId } from '@ironbark/core/ids.ts';
import type { Ec2Input } from '@ironbark/protocol/ec2/types.ts';
import { getTemplate, getVersion } from '../app/launch-templates.ts';
import { notOffered } from '../app/refusals.ts';
import type { Queries } from '../store/store.ts';
import { readTemplateData } from './render-launch-template.ts';

type Input = Ec2Input<'RunInstances'>;

export interface TemplateVersion {
  id: LaunchTemplateId;
  version: number;
}

export interface Launched {
  input: Input;
  /** What it was launched from. */
  template?: TemplateVersion;
}

export async function applyLaunchTemplate(
  db: Queries,
  accountId: AccountId,
  { LaunchTemplate: named, ...given }: Input,
): Promise<Launched> {
  if (named === undefined) return { input: given };
  const template = await getTemplate(db, accountId, named);
  const row = await getVersion(db, template, named.Version ?? '$Default');
  const own = toInput(readTemplateData(row), given);
  const tags = mergeTags(own.TagSpecifications, given.TagSpecifications);
  const merged: Input = { ...own, ...definedOf(given) };
  const input = tags.length === 0 ? merged : { ...merged, TagSpecifications: tags };
  return { input, template: { id: template.id, version: row.version } };
}

/** The members are called the same but for two; groups are given by id or by name, and not by both. */
function toInput(data: RequestLaunchTemplateData, given: Input): Partial<Input> {
  const { RamDiskId, ElasticGpuSpecifications, InstanceRequirements, ...same } = data;
  if (InstanceRequirements !== undefined && given.InstanceType === undefined) {
    throw notOffered('A launch by InstanceRequirements', 'Give an InstanceType.');
  }
  const { SecurityGroupIds, SecurityGroups, ...rest } = same;
  const hasGroups = given.SecurityGroupIds !== undefined || given.SecurityGroups !== undefined;
  const own = {
    ...rest,
    ...(hasGroups ? {} : { SecurityGroupIds, SecurityGroups }),
    RamdiskId: RamDiskId,
    ElasticGpuSpecification: ElasticGpuSpecifications,
  };
  return definedOf(own) as Partial<Input>;
}

function definedOf<Value extends object>(value: Value): Value {
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  return Object.fromEntries(entries) as Value;
}

/** Of one type of resource the request's tags come to the template's, and win where both have the key. */
function mergeTags(
  own: readonly TagSpecification[] | undefined,
  given: readonly TagSpecification[] | undefined,
): TagSpecification[] {
  const asked = [...(given ?? [])];
  for (const { ResourceType, Tags = [] } of own ?? []) {
    const at = asked.findIndex((one) => one.ResourceType === ResourceType);
    if (at < 0) asked.push({ ResourceType, Tags });
    else {
      const keys = new Set((asked[at]!.Tags ?? []).map(({ Key }) => Key));
      const rest = Tags.filter(({ Key }) => !keys.has(Key));
      asked[at] = { ResourceType, Tags: [...(asked[at]!.Tags ?? []), ...rest] };
    }
  }
  return asked;
}
