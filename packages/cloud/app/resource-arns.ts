// Owns what a call of EC2 or the EBS direct APIs is about, as policies name it: the ARNs of what it makes and of what it names.
// Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon EC2".

import type { AccountId } from '@ironbark/core/ids.ts';
import { refuse } from './refusals.ts';
import { RESOURCE_TYPES, type Tag } from './tags.ts';

/** The word in a resource's ARN by the prefix of its ids. */
const WORDS: Readonly<Record<string, string>> = RESOURCE_TYPES;
const ID = /^([a-z]+)-[0-9a-f]{8}(?:[0-9a-f]{9})?$/;

/** Types of resources whose ARNs name no account. */
const OF_NO_ACCOUNT = new Set(['snapshot', 'image']);

/** What these make; `Create...` makes what its name says. */
const MAKES: Readonly<Record<string, readonly string[]>> = {
  RunInstances: ['instance', 'network-interface', 'volume'],
  CopySnapshot: ['snapshot'],
  CopyImage: ['image'],
  RegisterImage: ['image'],
  CreateImage: ['image', 'snapshot'],
  CreateSnapshots: ['snapshot'],
  ImportKeyPair: ['key-pair'],
  AllocateAddress: ['elastic-ip'],
  CreateTags: [],
  CreateLaunchTemplateVersion: [],
  CreateRoute: [],
  CreateNetworkAclEntry: [],
  CreateDefaultVpc: ['vpc'],
  CreateDefaultSubnet: ['subnet'],
  CreateNatGateway: ['natgateway'],
  CreateFlowLogs: ['vpc-flow-log'],
};

export interface ArnPlace {
  region: string;
  accountId: AccountId;
}

export function ec2Arn(word: string, id: string, { region, accountId }: ArnPlace): string {
  const owner = OF_NO_ACCOUNT.has(word) ? '' : accountId;
  return `arn:aws:ec2:${region}:${owner}:${word}/${id}`;
}

/** The word for what an id names; undefined for what is no id. */
export function wordOf(id: string): string | undefined {
  const [, prefix = ''] = ID.exec(id) ?? [];
  return WORDS[prefix];
}

export function madeBy(action: string): readonly string[] {
  const known = MAKES[action];
  if (known !== undefined) return known;
  const [, noun] = /^Create([A-Z]\w+)$/.exec(action) ?? [];
  return noun === undefined ? [] : [noun.replace(/(?!^)[A-Z]/g, '-$&').toLowerCase()];
}

export interface CalledResource {
  arn: string;
  /** Absent for what is yet to be made. */
  id?: string;
  /** Of what has no id. */
  tags?: readonly Tag[];
}

/**
 * "Describe actions do not support resource-level permissions": they, and what names nothing, are about `*`.
 * `named` are those that are meant without being given by their ids, and those whose ARNs have names.
 */
export function ec2Resources(
  action: string,
  input: unknown,
  place: ArnPlace,
  named: readonly { id: string; name?: string }[] = [],
): CalledResource[] {
  if (/^Describe/.test(action)) return [{ arn: '*' }];
  const made = madeBy(action).map((word) => ({ arn: ec2Arn(word, nameOf(word, input), place) }));
  const names = new Map<string, string>(collectIds(input).map((id) => [id, id]));
  for (const { id, name = id } of named) names.set(id, name);
  const given = [...names].map(([id, name]) => ({ id, arn: ec2Arn(wordOf(id)!, name, place) }));
  const keys = keyNames(action, input).map((name) => ({ arn: ec2Arn('key-pair', name, place) }));
  const others = keys.filter(({ arn }) => !given.some((one) => one.arn === arn));
  const all = [...made, ...given, ...others];
  return all.length === 0 ? [{ arn: '*' }] : all;
}

/** Some are named by whoever makes them. */
function nameOf(word: string, input: unknown): string {
  const { KeyName, GroupName } = Object(input) as { KeyName?: unknown; GroupName?: unknown };
  if (word === 'key-pair' && typeof KeyName === 'string') return KeyName;
  if (word === 'placement-group' && typeof GroupName === 'string') return GroupName;
  return '*';
}

function keyNames(action: string, input: unknown): string[] {
  if (!/^(?:RunInstances|DeleteKeyPair)$/.test(action)) return [];
  const { KeyName } = Object(input) as { KeyName?: unknown };
  return typeof KeyName === 'string' ? [KeyName] : [];
}

/** A request may be a megabyte. */
const MAX_VALUES = 20_000;

/** Tags and texts may look like ids and are none. */
const NO_NAMES = new Set([
  'TagSpecifications',
  'Tags',
  'Description',
  'UserData',
  'Filters',
  'ClientToken',
]);

function collectIds(input: unknown): string[] {
  const ids = collectTexts(input).filter(({ text }) => wordOf(text) !== undefined);
  return [...new Set(ids.map(({ text }) => text))];
}

export interface NamedText {
  text: string;
  /** What it is called, or the list that it is in. */
  member: string;
  /** What that is part of. */
  parent: string;
}

/** What a request says, but for tags and the like. */
export function collectTexts(input: unknown): NamedText[] {
  const found: NamedText[] = [];
  const open = [{ value: input, member: '', parent: '' }];
  for (let seen = 0; open.length > 0; seen++) {
    // What is not looked at is not asked about.
    if (seen >= MAX_VALUES) {
      throw refuse('limit-exceeded', 'request', `A request has at most ${MAX_VALUES} values.`);
    }
    const { value, member, parent } = open.pop()!;
    if (typeof value === 'string') found.push({ text: value, member, parent });
    else if (Array.isArray(value)) {
      for (const part of value.slice(0, MAX_VALUES + 1)) open.push({ value: part, member, parent });
    } else if (value !== null && typeof value === 'object' && !(value instanceof Date)) {
      for (const [name, part] of Object.entries(value)) {
        if (!NO_NAMES.has(name)) open.push({ value: part, member: name, parent: member });
      }
    }
  }
  return found;
}
