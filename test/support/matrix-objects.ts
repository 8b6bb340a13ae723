// Owns the rows of the authorization matrix for S3: every route, and every sub-resource that no route serves, with
// every method.

import { ROUTES } from '@ironbark/objects/http/routes.ts';
import { SUB_RESOURCES } from '@ironbark/protocol/s3/sub-resources.ts';
import type { AccountResources } from './account-resources.ts';
import {
  answers,
  findTrace,
  type MatrixCase,
  type MatrixWorld,
  unsigned,
  wrongSecret,
} from './matrix-case.ts';
import { type Answer, type Caller, type RawCall, send } from './signed-call.ts';

const METHODS = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'];
/** Query parameters that need a value; an upload that is really under way. */
const VALUES: Readonly<Record<string, (own: AccountResources) => string>> = {
  uploadId: (own) => `uploadId=${own.uploadId}&partNumber=1`,
  'list-type': () => 'list-type=2',
  '': () => '',
};

interface Row {
  operation: string;
  call: (own: AccountResources) => RawCall;
}

/** The whole space of methods and sub-resources; every route lies in it, or the first test says so. */
function rows(): Row[] {
  const subs = ['', 'list-type', ...SUB_RESOURCES];
  const spots = [(own: AccountResources) => `/${own.bucket}`, objectPath];
  return spots.flatMap((spot) =>
    subs.flatMap((sub) => METHODS.map((method) => makeRow(method, spot, sub))),
  );
}

function makeRow(method: string, spot: (own: AccountResources) => string, sub: string): Row {
  const level = spot === objectPath ? 'object' : 'bucket';
  const route = ROUTES.find(
    (one) => one.method === method && one.level === level && one.sub === sub && !one.header,
  );
  return {
    operation: route?.operation ?? `${method} ${level}?${sub}`,
    call: (own) => {
      const query = (VALUES[sub] ?? (() => sub))(own);
      const body = method === 'PUT' && level === 'object' ? 'x' : '';
      return { service: 's3', method, target: `${spot(own)}?${query}`, body };
    },
  };
}

function objectPath(own: AccountResources): string {
  return `/${own.bucket}/${own.object}`;
}

/** Routes that the generator would not reach. */
export function unmatchedRoutes(): string[] {
  const others = ['ListBuckets', 'CopyObject', 'PostObject'];
  const reached = new Set([...rows().map((row) => row.operation), ...others]);
  return ROUTES.map((route) => route.operation).filter((operation) => !reached.has(operation));
}

export function objectCases(world: MatrixWorld): MatrixCase[] {
  return [
    ...rows().flatMap((row) => rowCases(row, world)),
    ...copyCases(world),
    ...formCases(world),
    ...namedCases(world),
    ...accountCases(world),
  ];
}

function rowCases({ operation, call }: Row, { owner, other, user }: MatrixWorld): MatrixCase[] {
  const request = call(owner);
  const isCreation = operation === 'CreateBucket';
  // A name that somebody has is no secret: BucketAlreadyExists.
  const foreign = isCreation ? answers(409, 'BucketAlreadyExists') : denied(request);
  const ways: [string, Caller, MatrixCase['check']][] = [
    ['unsigned', unsigned(owner.caller), denied(request)],
    ['wrong secret', wrongSecret(owner.caller), denied(request, 'SignatureDoesNotMatch')],
    ['denied user', user, denied(request)],
    ['another account', other.caller, foreign],
  ];
  return ways.flatMap(([way, caller, check]) => {
    const name = `${operation}, ${way}`;
    const inHeader = { name, send: () => send(caller, request), check };
    if (caller.key === undefined) return [inHeader];
    const inQuery = () => send(caller, { ...request, inQuery: true });
    return [inHeader, { name: `${name}, presigned`, send: inQuery, check }];
  });
}

/** Answers to HEAD have no body, so no code. */
function denied({ method }: RawCall, code = 'AccessDenied'): MatrixCase['check'] {
  return answers(403, method === 'HEAD' ? '' : code);
}

/** Reading through a copy takes the right to read the source, and writing one the right to write the target. */
function copyCases({ owner, other, user }: MatrixWorld): MatrixCase[] {
  const copy = (from: AccountResources, to: AccountResources, part = ''): RawCall => ({
    service: 's3',
    method: 'PUT',
    target: `/${to.bucket}/copied${part}`,
    headers: { 'x-amz-copy-source': `/${from.bucket}/${from.object}` },
  });
  const part = `?uploadId=${other.uploadId}&partNumber=1`;
  const cases: [string, Caller, RawCall][] = [
    ['CopyObject, of another account', other.caller, copy(owner, other)],
    ['CopyObject, into another account', other.caller, copy(other, owner)],
    ['CopyObject, denied user', user, copy(owner, owner)],
    ['CopyObject, unsigned', unsigned(owner.caller), copy(owner, owner)],
    ['UploadPartCopy, of another account', other.caller, copy(owner, other, part)],
  ];
  return cases.map(([name, caller, call]) => ({
    name,
    send: () => send(caller, call),
    check: name.startsWith('UploadPartCopy') ? refusedUnread(owner) : denied(call),
  }));
}

/** A form says itself who sends it: nobody, where its policy is not signed. */
function formCases({ owner, other, user }: MatrixWorld): MatrixCase[] {
  const body = [
    '--b\r\nContent-Disposition: form-data; name="key"\r\n\r\nfrom-a-form',
    '\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nx\r\n--b--\r\n',
  ].join('');
  const call: RawCall = {
    service: 's3',
    method: 'POST',
    target: `/${owner.bucket}`,
    headers: { 'content-type': 'multipart/form-data; boundary=b' },
    body,
  };
  const ways: [string, Caller][] = [
    ['unsigned', unsigned(owner.caller)],
    ['denied user', user],
    ['another account', other.caller],
  ];
  return ways.map(([way, caller]) => ({
    name: `PostObject, ${way}`,
    send: () => send(caller, call),
    check: denied(call),
  }));
}

/** What changes with a version in the name, a lock to override, or a list, a tag or a key to go along. */
function namedCases({ owner, other, user }: MatrixWorld): MatrixCase[] {
  const version = `?versionId=${'0'.repeat(32)}`;
  const target = objectPath(owner);
  const bypass = { 'x-amz-bypass-governance-retention': 'true' };
  const calls: [string, RawCall][] = [
    ['GetObject of a version', { service: 's3', method: 'GET', target: target + version }],
    ['DeleteObject of a version', { service: 's3', method: 'DELETE', target: target + version }],
    ['DeleteObject past governance', { service: 's3', method: 'DELETE', target, headers: bypass }],
    ...[
      { 'x-amz-acl': 'public-read' },
      { 'x-amz-tagging': 'a=b' },
      { 'x-amz-server-side-encryption': 'AES256' },
      { 'x-amz-object-lock-legal-hold': 'ON' },
    ].map((headers): [string, RawCall] => [
      `PutObject with ${Object.keys(headers)[0]}`,
      { service: 's3', method: 'PUT', target, headers, body: 'x' },
    ]),
  ];
  const ways: [string, Caller][] = [
    ['unsigned', unsigned(owner.caller)],
    ['denied user', user],
    ['another account', other.caller],
  ];
  return calls.flatMap(([name, call]) =>
    ways.map(([way, caller]) => ({
      name: `${name}, ${way}`,
      send: () => send(caller, call),
      check: denied(call),
    })),
  );
}

/** Copying into a part may be refused for what it is, as long as nothing was read. */
function refusedUnread(owner: AccountResources): MatrixCase['check'] {
  return (answer) =>
    answer.status >= 400 && answer.status !== 500
      ? findTrace(answer, owner)
      : `${answer.status} ${answer.code}`;
}

function accountCases({ owner, other, user }: MatrixWorld): MatrixCase[] {
  const list: RawCall = { service: 's3', method: 'GET', target: '/' };
  const make: RawCall = { service: 's3', method: 'PUT', target: '/a-bucket-of-nobody' };
  const ways: [string, Caller, RawCall, MatrixCase['check']][] = [
    ['ListBuckets, unsigned', unsigned(owner.caller), list, denied(list)],
    [
      'ListBuckets, wrong secret',
      wrongSecret(owner.caller),
      list,
      denied(list, 'SignatureDoesNotMatch'),
    ],
    ['ListBuckets, denied user', user, list, denied(list)],
    ['CreateBucket, denied user, new', user, make, denied(make)],
    ['CreateBucket, unsigned, new', unsigned(owner.caller), make, denied(make)],
    [
      'ListBuckets, another account lists',
      other.caller,
      list,
      (answer: Answer) => findTrace(answer, owner),
    ],
  ];
  return ways.map(([name, caller, call, check]) => ({
    name,
    send: () => send(caller, call),
    check,
  }));
}
