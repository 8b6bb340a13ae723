// Owns what a gateway on another host asks of its cloud, on a wire: what the cloud accepts from one, and what the gateway
// makes of the answers. Its keyring stays with the cloud: a gateway gets the keys of accounts one by one.

import { ServiceError } from '@ironbark/core/errors.ts';
import {
  type AuditEvent,
  type AuditIdentity,
  type AuditResource,
  isAboutBuckets,
  isReadOnly,
} from '../audit-log.ts';
import type { AwaitedEnvelopes } from '../envelopes.ts';
import type { GatewayHello, GatewayServices } from '../gateway-messages.ts';
import type { AccessKeyRecord, IdentityClient } from '../identity-client.ts';
import { flag, integer, list, object, oneOf, pattern, refuse, text } from './checks.ts';
import type { CallTransport, VerbTable } from './transport.ts';

type Transport = Pick<CallTransport, 'call'>;

const ACCOUNT = pattern(/^\d{12}$/);
/** Whatever a client has claimed. */
const MAX_KEY_ID = 128;
const KEY_ID = text(MAX_KEY_ID);
/** Nothing else that the keyring has closed is a gateway's. */
const PURPOSE = pattern(/^ironbark objects account \d{12}$/);
const SECRET = pattern(/^[A-Za-z0-9+/=]{1,128}$/);
const ENVELOPE = pattern(/^[A-Za-z0-9_:-]{1,512}$/);
/** Of one call; as many as CloudTrail's own limit is for a batch of events. */
export const MAX_RECORDS = 100;
/** DeleteObjects names a hundred keys of 1,024 bytes. */
const MAX_ARN = 2_048;
const MAX_TEXT = 256;

const greeting = object<{ version?: string }>({ version: { optional: text(64) } });
const keyQuestion = object<{ accessKeyId: string }>({ accessKeyId: KEY_ID });
const limitQuestion = object<{ accountId: string }>({ accountId: ACCOUNT });
const use = object<{ accessKeyId: string; region: string; atMs: number }>({
  accessKeyId: KEY_ID,
  region: text(64),
  atMs: integer(0, Number.MAX_SAFE_INTEGER),
});
const closing = object<{ purpose: string; key: string }>({ purpose: PURPOSE, key: SECRET });
const opening = object<{ purpose: string; envelope: string }>({
  purpose: PURPOSE,
  envelope: ENVELOPE,
});

const records = object<{ events: AuditEvent[] }>({
  events: list(
    object<AuditEvent>({
      eventTime: pattern(/^[0-9T:.Z-]{20,30}$/),
      // A gateway speaks of nothing but objects.
      eventSource: oneOf('s3.amazonaws.com'),
      eventName: pattern(/^[A-Za-z0-9]{1,64}$/),
      awsRegion: text(64),
      sourceIPAddress: text(64),
      userAgent: { optional: text(MAX_TEXT) },
      requestID: text(64),
      userIdentity: object<AuditIdentity>({
        type: oneOf('Root', 'IAMUser', 'AssumedRole', 'Unknown'),
        accountId: { optional: text(64) },
        principalId: { optional: text(MAX_TEXT) },
        arn: { optional: text(MAX_ARN) },
        accessKeyId: { optional: text(MAX_TEXT) },
      }),
      readOnly: flag,
      managementEvent: flag,
      resources: list(object<AuditResource>({ type: text(64), ARN: text(MAX_ARN) }), 128),
      resourcesOmitted: { optional: integer(1, Number.MAX_SAFE_INTEGER) },
      httpStatus: integer(100, 599),
      errorCode: { optional: text(128) },
    }),
    MAX_RECORDS,
  ),
});

/** For one connection; `version`: of the cloud's Ironbark. Who has not said hello as one of the same is told nothing else. */
export function gatewayVerbs(services: GatewayServices, version: string): VerbTable {
  let isSame = false;
  const guarded = Object.entries(sameVersionVerbs(services)).map(([name, verb]) => {
    const guard = async (input: unknown) => {
      if (!isSame) throw otherVersion(version);
      return await verb(input);
    };
    return [name, guard] as const;
  });
  const hello = async (input: unknown) => {
    isSame = greeting(input, '').version === version;
    return { isGateway: true, version } satisfies GatewayHello;
  };
  return { hello, ...Object.fromEntries(guarded) };
}

function otherVersion(version: string): ServiceError {
  return new ServiceError({
    kind: 'incorrect-state',
    resource: 'host',
    message: `The cloud has Ironbark ${version}, and the gateway another one; use the same version on both.`,
  });
}

function sameVersionVerbs(services: GatewayServices): VerbTable {
  const { identity, audit } = services;
  return {
    findAccessKey: async (input) =>
      (await identity.findAccessKey(keyQuestion(input, '').accessKeyId)) ?? null,
    findBucketLimit: async (input) => {
      const { accountId } = limitQuestion(input, '');
      return (await identity.findBucketLimit?.(accountId as `${number}`)) ?? null;
    },
    noteUse: async (input) => {
      const { accessKeyId, ...rest } = use(input, '');
      identity.noteUse?.(accessKeyId, { service: 's3', ...rest });
    },
    ensureKeyring: async () => await requireKeyring(services).ensure(),
    closeKey: async (input) => {
      const { purpose, key } = closing(input, '');
      return await requireKeyring(services).close(purpose, Buffer.from(key, 'base64'));
    },
    openKey: async (input) => {
      const { purpose, envelope } = opening(input, '');
      return (await requireKeyring(services).open(purpose, envelope)).toString('base64');
    },
    record: async (input) => {
      const { events } = records(input, '');
      for (const event of events) {
        // What it says of itself decides how durable it is kept.
        if (event.readOnly && !isReadOnly(event.eventName)) throw refuse('readOnly', 'false');
      }
      await Promise.all(events.map((event) => audit.record(classify(event))));
    },
  };
}

/** Which chain a record is kept in is not for a gateway to say; what nobody proved must not push out what happened. */
function classify(event: AuditEvent): AuditEvent {
  const isProven = event.userIdentity.type !== 'Unknown';
  return { ...event, managementEvent: isProven && isAboutBuckets(event.eventName) };
}

/** To one whose certificate is of this cloud and which is on its list no more. */
export function removedGatewayVerbs(version: string): VerbTable {
  return { hello: async () => ({ isGateway: false, version }) satisfies GatewayHello };
}

function requireKeyring({ envelopes }: GatewayServices): AwaitedEnvelopes {
  const found = envelopes();
  if (found !== undefined) return found;
  throw new ServiceError({
    kind: 'unavailable',
    resource: 'encryption',
    message: 'The cloud is starting, and has no keyring yet; try again in a moment.',
  });
}

const helloAnswer = object<GatewayHello>({ isGateway: flag, version: text(64) });

/** `version`: of the gateway's Ironbark. */
export async function sayHello(transport: Transport, version: string): Promise<GatewayHello> {
  return helloAnswer(await transport.call('hello', { version }), '');
}

/** At most {@link MAX_RECORDS}, each of which {@link cutRecord} has made. */
export async function sendRecords(transport: Transport, events: readonly AuditEvent[]) {
  await transport.call('record', { events });
}

/** What clients choose is cut to what is accepted, so that nobody's call keeps those of others from being recorded. */
export function cutRecord(event: AuditEvent): AuditEvent {
  const { userIdentity, userAgent, resources } = event;
  const { accessKeyId } = userIdentity;
  const identity = accessKeyId === undefined ? {} : { accessKeyId: accessKeyId.slice(0, MAX_TEXT) };
  return {
    ...event,
    ...(userAgent === undefined ? {} : { userAgent: userAgent.slice(0, MAX_TEXT) }),
    userIdentity: { ...userIdentity, ...identity },
    resources: resources.map(({ type, ARN }) => ({ type, ARN: ARN.slice(0, MAX_ARN) })),
  };
}

export function remoteIdentity(transport: Transport, onLost: (error: unknown) => void) {
  const noted = new NotedUses();
  return {
    findAccessKey: async (accessKeyId) => {
      if (accessKeyId.length > MAX_KEY_ID) return undefined;
      const found = (await transport.call('findAccessKey', { accessKeyId })) as AccessKeyRecord;
      if (found === null) return undefined;
      if (found.accessKeyId === accessKeyId && typeof found.secretAccessKey === 'string') {
        return found;
      }
      throw new Error('the cloud has answered with another key than was asked for');
    },
    findBucketLimit: async (accountId) => {
      const limit = await transport.call('findBucketLimit', { accountId });
      return typeof limit === 'number' ? limit : undefined;
    },
    noteUse: (accessKeyId, { region, atMs }) => {
      if (!noted.isNews(accessKeyId, atMs)) return;
      transport.call('noteUse', { accessKeyId, region, atMs }).catch(onLost);
    },
  } satisfies IdentityClient;
}

/** When each key was last used is told to the minute. */
const NEWS_MS = 30_000;
const MAX_NOTED = 10_000;

class NotedUses {
  readonly #atMs = new Map<string, number>();

  isNews(accessKeyId: string, atMs: number): boolean {
    const last = this.#atMs.get(accessKeyId);
    if (last !== undefined && atMs - last < NEWS_MS && atMs >= last) return false;
    if (this.#atMs.size >= MAX_NOTED) this.#atMs.clear();
    this.#atMs.set(accessKeyId, atMs);
    return true;
  }
}

export function remoteEnvelopes(transport: Transport): AwaitedEnvelopes {
  return {
    ensure: async () => {
      await transport.call('ensureKeyring');
    },
    close: async (purpose, key) =>
      ENVELOPE(await transport.call('closeKey', { purpose, key: key.toString('base64') }), ''),
    open: async (purpose, envelope) => {
      const key = SECRET(await transport.call('openKey', { purpose, envelope }), '');
      return Buffer.from(key, 'base64');
    },
  };
}
