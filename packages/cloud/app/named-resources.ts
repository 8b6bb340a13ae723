// Owns which of an account's resources a call of EC2 means where it does not give their ids: by name, by public address,
// by the id of an association, or by saying nothing. What is denied of a resource is denied however it is named.

import type { AccountId, ResourceId } from '@ironbark/core/ids.ts';
import { listAddresses } from '../store/addresses.ts';
import { listAssociations as listProfileAssociations } from '../store/instance-profiles.ts';
import { listKeyPairs } from '../store/key-pairs.ts';
import { listTemplates } from '../store/launch-templates.ts';
import { listAcls } from '../store/network-acls.ts';
import { listInterfacesAttachedAs } from '../store/network-interfaces.ts';
import { listSubnets } from '../store/networks.ts';
import { listPlacementGroups } from '../store/placement-groups.ts';
import { listAssociations as listTableAssociations } from '../store/route-tables.ts';
import { listGroups } from '../store/security-groups.ts';
import type { Queries } from '../store/store.ts';
import { listVpcCidrs } from '../store/vpcs.ts';
import { findChosen } from './default-choices.ts';
import { findDefaultVpc } from './find-vpc.ts';
import { aclAssociationOf, aclOf } from './network-acls.ts';
import { collectTexts, type NamedText } from './resource-arns.ts';

export interface NamedResource {
  id: string;
  /** Where its ARN has its name and not its id. */
  name?: string;
}

interface Question {
  db: Queries;
  accountId: AccountId;
  action: string;
  texts: readonly NamedText[];
}

export async function findNamedResources(
  db: Queries,
  asker: { accountId: AccountId; zone: string },
  { action, input }: { action: string; input: unknown },
): Promise<NamedResource[]> {
  const { accountId } = asker;
  const question = { db, accountId, action, texts: collectTexts(input) };
  const found: NamedResource[] = await findChosen(db, asker, { action, input });
  for (const find of FINDERS) found.push(...(await find(question)));
  return found;
}

const FINDERS: readonly ((question: Question) => Promise<NamedResource[]>)[] = [
  findGroups,
  findPlacementGroups,
  findKeys,
  findTemplates,
  findAddresses,
  findTables,
  findInstances,
  findVpcs,
  findInterfaces,
  findAcls,
];

const OF_PLACEMENT_GROUPS = /PlacementGroup$/;

/** Names are those of one VPC: of the subnet or the group that the call is about, or the default one. */
async function findGroups({ db, accountId, action, texts }: Question): Promise<NamedResource[]> {
  if (action === 'CreateSecurityGroup' || OF_PLACEMENT_GROUPS.test(action)) return [];
  const members = ['GroupName', 'SourceSecurityGroupName'];
  if (action === 'RunInstances') members.push('SecurityGroups');
  const names = valuesOf(
    texts.filter(({ parent }) => parent !== 'Placement'),
    members,
  );
  if (names.size === 0) return [];
  const groups = await listGroups(db, accountId);
  const values = new Set(texts.map(({ text }) => text));
  const homes = [...groups, ...(await listSubnets(db, accountId))].filter(({ id }) =>
    values.has(id),
  );
  const vpcs = new Set(homes.map(({ vpcId }) => vpcId));
  const usual = vpcs.size > 0 ? undefined : await findDefaultVpc(db, accountId);
  if (usual !== undefined) vpcs.add(usual.id);
  return groups.filter(({ name, vpcId }) => names.has(name) && vpcs.has(vpcId)).map(justId);
}

async function findPlacementGroups(question: Question): Promise<NamedResource[]> {
  const { db, accountId, action, texts } = question;
  if (action === 'CreatePlacementGroup') return [];
  const isNamed = ({ parent }: NamedText) =>
    parent === 'Placement' || OF_PLACEMENT_GROUPS.test(action);
  const names = valuesOf(texts.filter(isNamed), ['GroupName']);
  const ids = valuesLike(texts, /^pg-/);
  if (names.size + ids.size === 0) return [];
  const rows = await listPlacementGroups(db, accountId);
  return rows.filter(({ id, name }) => names.has(name) || ids.has(id)).map(idAndName);
}

async function findKeys({ db, accountId, action, texts }: Question): Promise<NamedResource[]> {
  const isNamed = /^(?:RunInstances|DeleteKeyPair)$/.test(action);
  const names = isNamed ? valuesOf(texts, ['KeyName']) : new Set();
  const ids = valuesLike(texts, /^key-/);
  if (names.size + ids.size === 0) return [];
  const rows = await listKeyPairs(db, accountId);
  return rows.filter(({ id, name }) => names.has(name) || ids.has(id)).map(idAndName);
}

async function findTemplates({ db, accountId, action, texts }: Question): Promise<NamedResource[]> {
  const names = valuesOf(texts, ['LaunchTemplateName']);
  if (action === 'CreateLaunchTemplate' || names.size === 0) return [];
  return (await listTemplates(db, accountId)).filter(({ name }) => names.has(name)).map(justId);
}

async function findAddresses({ db, accountId, texts }: Question): Promise<NamedResource[]> {
  const addresses = valuesOf(texts, ['PublicIp']);
  const associations = valuesLike(texts, /^eipassoc-/);
  if (addresses.size + associations.size === 0) return [];
  const rows = await listAddresses(db, accountId);
  return rows
    .filter((row) => addresses.has(row.publicIp) || associations.has(row.associationId ?? ''))
    .map(justId);
}

async function findTables({ db, accountId, texts }: Question): Promise<NamedResource[]> {
  const ids = valuesLike(texts, /^rtbassoc-/);
  if (ids.size === 0) return [];
  const rows = (await listTableAssociations(db, accountId)).filter(({ id }) => ids.has(id));
  return rows.map(({ routeTableId: id }) => ({ id }));
}

async function findInstances({ db, accountId, texts }: Question): Promise<NamedResource[]> {
  const ids = valuesLike(texts, /^iip-assoc-/);
  if (ids.size === 0) return [];
  const rows = (await listProfileAssociations(db, accountId)).filter(({ id }) => ids.has(id));
  return rows.map(({ instanceId: id }) => ({ id }));
}

async function findInterfaces({ db, accountId, texts }: Question): Promise<NamedResource[]> {
  const ids = valuesLike(texts, /^eni-attach-/);
  if (ids.size === 0) return [];
  const rows = await listInterfacesAttachedAs(db, accountId, [
    ...ids,
  ] as ResourceId<'eni-attach'>[]);
  // AWS asks about both ends.
  return rows.flatMap(({ id, instanceId }) => [{ id }, { id: instanceId }]);
}

async function findAcls({ db, accountId, texts }: Question): Promise<NamedResource[]> {
  const ids = valuesLike(texts, /^aclassoc-/);
  if (ids.size === 0) return [];
  const subnets = await listSubnets(db, accountId);
  const acls = await listAcls(db, accountId);
  const named = subnets.filter((subnet) => ids.has(aclAssociationOf(subnet)));
  return named.flatMap((subnet) => [{ id: subnet.id }, { id: aclOf(acls, subnet).id }]);
}

async function findVpcs({ db, accountId, texts }: Question): Promise<NamedResource[]> {
  const ids = valuesLike(texts, /^vpc-cidr-assoc-/);
  if (ids.size === 0) return [];
  const rows = (await listVpcCidrs(db, accountId)).filter(({ id }) => ids.has(id));
  return rows.map(({ vpcId: id }) => ({ id }));
}

function valuesOf(texts: readonly NamedText[], members: readonly string[]): Set<string> {
  return new Set(texts.filter(({ member }) => members.includes(member)).map(({ text }) => text));
}

function valuesLike(texts: readonly NamedText[], pattern: RegExp): Set<string> {
  return new Set(texts.map(({ text }) => text).filter((text) => pattern.test(text)));
}

function justId({ id }: { id: string }): NamedResource {
  return { id };
}

function idAndName({ id, name }: { id: string; name: string }): NamedResource {
  return { id, name };
}
