// Owns the authorization matrix: every action, every way to have no right to it, what has to be answered, and that
// nothing changed. Built from the API tables, so that an action cannot be forgotten.

import { EC2_ACTIONS } from '@ironbark/cloud/actions/table.ts';
import { ec2Model } from '@ironbark/protocol/ec2/model.ts';
import type { Shape } from '@ironbark/protocol/models/service-model.ts';
import type { AccountResources } from './account-resources.ts';
import { ACTION_ROWS, REFERENCES, type Reference } from './matrix-actions.ts';
import {
  answers,
  findTrace,
  type MatrixCase,
  type MatrixWorld,
  unsigned,
  wrongSecret,
} from './matrix-case.ts';
import { iamCases, stsCases, unmatchedStsActions } from './matrix-iam.ts';
import { jsonCases } from './matrix-json.ts';
import { metricCases } from './matrix-metrics.ts';
import { HAS_IT_ALREADY } from './matrix-network.ts';
import { objectCases } from './matrix-objects.ts';
import { snapshotBlockCases } from './matrix-snapshot-blocks.ts';
import { type Answer, type Caller, callEc2 } from './signed-call.ts';
import { StoreWatch } from './store-content.ts';

export interface MatrixResult {
  /** The requests sent to each service, as `actions x ways`. */
  sent: number;
  actions: number;
  wrong: string[];
  changes: string[];
}

export async function runMatrix(world: MatrixWorld): Promise<MatrixResult> {
  const cases = [
    ...actionCases(world),
    ...stsCases(world),
    ...iamCases(world),
    ...snapshotBlockCases(world),
    ...metricCases(world),
    ...jsonCases(world),
    ...objectCases(world),
  ];
  const result: MatrixResult = { sent: 0, actions: countActions(cases), wrong: [], changes: [] };
  using watch = new StoreWatch(world.dataDir);
  for (const one of cases) {
    const fault = one.check(await one.send());
    if (fault !== undefined) result.wrong.push(`${one.name}: ${fault}`);
    result.changes.push(...watch.changes().map((line) => `${one.name}: ${line}`));
    result.sent += 1;
  }
  result.changes.push(...watch.blobChanges());
  return result;
}

function countActions(cases: readonly MatrixCase[]): number {
  return new Set(cases.map(({ name }) => name.split(',')[0]!.split(' ')[0]!)).size;
}

/** The rows that the id table lacks, and those of no action. */
export function unmatchedActions(): string[] {
  const rows = Object.keys(ACTION_ROWS);
  const missing = EC2_ACTIONS.filter((action) => !rows.includes(action));
  const stray = rows.filter((row) => !EC2_ACTIONS.includes(row));
  return [...missing, ...stray, ...unmatchedStsActions()];
}

const NAMES_SOMETHING = /(?:Id|Ids|Name|Names|Groups|Resources|Location)(?:\[\])?$/;

/** Members that look like the name of something and are not in the table of references. */
export function unmatchedReferences(): string[] {
  return EC2_ACTIONS.flatMap((action) =>
    referencePaths(action)
      .filter((path) => !Object.hasOwn(REFERENCES, path))
      .map((path) => `${action} ${path}`),
  );
}

/** Filters name nothing outright, and what a template names is asked for when it is launched. */
const NAMES_LATER = /^(?:Filters|LaunchTemplateData\.)/;

function referencePaths(action: string): string[] {
  const { input } = ec2Model().findOperation(action)!;
  const paths = input === undefined ? [] : stringPaths(input, '');
  return paths.filter((path) => NAMES_SOMETHING.test(path) && !NAMES_LATER.test(path));
}

function stringPaths(shape: Shape, path: string): string[] {
  if (shape.kind === 'list') return stringPaths(shape.item, `${path}[]`);
  if (shape.kind !== 'structure') return shape.kind === 'string' ? [path] : [];
  return shape.members.flatMap((member) =>
    stringPaths(member.shape, path === '' ? member.name : `${path}.${member.name}`),
  );
}

function actionCases({ owner, other, user }: MatrixWorld): MatrixCase[] {
  return EC2_ACTIONS.flatMap((action) => {
    const row = ACTION_ROWS[action]!;
    const call = (caller: Caller, input: object) => () => callEc2(caller, action, input);
    const own = row(owner);
    const had = HAS_IT_ALREADY[action];
    const accepted = had === undefined ? answers(412, 'DryRunOperation') : answers(400, had);
    const ways: [string, () => Promise<Answer>, MatrixCase['check']][] = [
      ['unsigned', call(unsigned(owner.caller), own), answers(403, 'MissingAuthenticationToken')],
      ['wrong secret', call(wrongSecret(owner.caller), own), answers(401, 'AuthFailure')],
      ['denied user', call(user, own), answers(403, 'UnauthorizedOperation')],
    ];
    if (canBeTried(action)) {
      const tried = (caller: Caller, own: object) => call(caller, { ...own, DryRun: true });
      ways.push(['owner', tried(owner.caller, own), accepted]);
      ways.push(['another account, its own', tried(other.caller, row(other)), accepted]);
    }
    const basic = ways.map(([way, send, check]) => ({ name: `${action}, ${way}`, send, check }));
    return [...basic, ...listingCases(action, owner, other), ...foreignCases(action, owner, other)];
  });
}

/** A few actions of EC2 have no DryRun. */
function canBeTried(action: string): boolean {
  const { input } = ec2Model().findOperation(action)!;
  return input?.kind === 'structure' && input.members.some(({ name }) => name === 'DryRun');
}

/** What another account sees when it asks for everything has nothing of the owner in it. */
function listingCases(
  action: string,
  owner: AccountResources,
  other: AccountResources,
): MatrixCase[] {
  if (!/^Describe.*(?:s|Status)$/.test(action)) return [];
  const send = () => callEc2(other.caller, action, ACTION_ROWS[action]!(other));
  const check = (answer: Answer) =>
    answer.status === 200 ? findTrace(answer, owner) : `${answer.status} ${answer.code}`;
  return [{ name: `${action}, another account lists`, send, check }];
}

/** Each member that names something, in turn, names what is the owner's; all else in the request is the caller's. */
function foreignCases(
  action: string,
  owner: AccountResources,
  other: AccountResources,
): MatrixCase[] {
  return referencePaths(action).flatMap((path) => {
    const own = `${action} ${path}`;
    const reference = REFERENCES[Object.hasOwn(REFERENCES, own) ? own : path];
    if (reference === undefined) return [];
    const input = pointAt(ACTION_ROWS[action]!(other), path, reference.of(owner), reference);
    const send = () => callEc2(other.caller, action, input);
    const check = foreignCheck(action, reference, owner);
    return [{ name: `${action} ${path}, of another account`, send, check }];
  });
}

/** As in EC2, deleting a key pair that is not there succeeds; nothing may have changed all the same. */
function foreignCheck(
  action: string,
  reference: Reference,
  owner: AccountResources,
): MatrixCase['check'] {
  if (action === 'DeleteKeyPair') return (answer) => findTrace(answer, owner);
  return (answer) => {
    const isRefused = answer.status >= 400 && answer.status < 500;
    if (isRefused && answer.code === reference.code) return undefined;
    return `${answer.status} ${answer.code}, not ${reference.code}`;
  };
}

function pointAt(input: object, path: string, id: string, reference: Reference): object {
  const copy = structuredClone(input) as Record<string, unknown>;
  for (const name of reference.without ?? []) delete copy[name];
  setAt(copy, path.split('.'), id);
  return copy;
}

/** What is needed beside whatever names something: device names, protocols. */
const BESIDE: Readonly<Record<string, object>> = {
  BlockDeviceMappings: { DeviceName: '/dev/sdh' },
  NetworkInterfaces: { DeviceIndex: 0 },
  IpPermissions: { IpProtocol: '-1' },
  SecurityGroupRules: {
    SecurityGroupRule: { IpProtocol: '-1', CidrIpv4: '10.0.0.0/8' },
  },
};

function setAt(target: Record<string, unknown>, [step, ...rest]: string[], id: string): void {
  const name = step!.replace('[]', '');
  const isList = step!.endsWith('[]');
  if (rest.length === 0) {
    target[name] = isList ? [id] : id;
    return;
  }
  const given = isList ? {} : (target[name] as object | undefined);
  const inner: Record<string, unknown> = { ...BESIDE[name], ...given };
  setAt(inner, rest, id);
  target[name] = isList ? [inner] : inner;
}
