// Owns LookupEvents of CloudTrail: the calls of the caller's account, the newest first.
// Source: CloudTrail API Reference, "LookupEvents"; CloudTrail User Guide, "CloudTrail record contents".

import type {
  LookupAttribute,
  LookupEventsInput,
  LookupEventsOutput,
  TrailEvent,
} from '@ironbark/protocol/cloudtrail/types.ts';
import type { KeptEvent } from '@ironbark/protocol/internal/audit-reader.ts';
import type { App } from '../app/app.ts';
import { readPageRequest, tokenAfter } from '../app/pages.ts';
import { notOffered, refuse } from '../app/refusals.ts';
import type { RequestContext } from './action.ts';

const MAX_RESULTS = 50;
/** "The last 90 days." */
const KEPT_MS = 90 * 86_400_000;
const MAX_VALUE_CHARACTERS = 2_000;

export async function lookupEvents(
  app: App,
  { accountId }: RequestContext,
  input: LookupEventsInput,
): Promise<LookupEventsOutput> {
  // There are no insights here.
  if (input.EventCategory !== undefined) throw notOffered('The parameter EventCategory');
  const nowMs = app.clock.nowMs();
  const { sinceMs, untilMs } = readTimes(input, nowMs);
  const matches = readAttributes(input.LookupAttributes);
  const { size, before, action } = readPage(input);
  const page = await app.audit.find({
    ...{ accountId, sinceMs, untilMs, limit: size, matches },
    ...(before === undefined ? {} : { before }),
  });
  const next = page.next === undefined ? {} : { NextToken: tokenAfter(action, String(page.next)) };
  return { Events: page.events.map(renderEvent), ...next };
}

function readTimes({ StartTime, EndTime }: LookupEventsInput, nowMs: number) {
  const oldestMs = nowMs - KEPT_MS;
  const sinceMs = Math.max(oldestMs, StartTime?.getTime() ?? oldestMs);
  const untilMs = EndTime?.getTime() ?? nowMs;
  if (StartTime !== undefined && EndTime !== undefined && StartTime > EndTime) {
    throw refuse('invalid-parameter', 'time-range', 'The start time is after the end time.');
  }
  return { sinceMs, untilMs };
}

/** A token goes on where the same question was answered. */
function readPage({ MaxResults, NextToken, ...question }: LookupEventsInput) {
  if (MaxResults !== undefined && (MaxResults < 1 || MaxResults > MAX_RESULTS)) {
    const message = `MaxResults is a number from 1 to ${MAX_RESULTS}.`;
    throw refuse('invalid-parameter', 'max-results', message);
  }
  const action = `LookupEvents/${JSON.stringify(question)}`;
  const options = { action, sortKey: String, minResults: 1, maxResults: MAX_RESULTS };
  const { size, after } = readPageRequest({ MaxResults, NextToken }, options);
  return { size, action, before: after === undefined ? undefined : Number(after) };
}

type Matches = (event: KeptEvent) => boolean;

/** What each key of an attribute is compared with. */
const KEYS: Readonly<
  Record<NonNullable<LookupAttribute['AttributeKey']>, (event: KeptEvent) => readonly string[]>
> = {
  AccessKeyId: ({ userIdentity }) => [userIdentity.accessKeyId ?? ''],
  EventId: ({ eventId }) => [eventId],
  EventName: ({ eventName }) => [eventName],
  EventSource: ({ eventSource }) => [eventSource],
  ReadOnly: ({ readOnly }) => [String(readOnly)],
  ResourceName: ({ resources }) => resources.flatMap(({ ARN }) => [ARN, nameOf(ARN)]),
  ResourceType: ({ resources }) => resources.map(({ type }) => type),
  Username: (event) => [userOf(event)],
};

/** "Currently the list can contain only one item." */
function readAttributes(attributes: LookupEventsInput['LookupAttributes'] = []): Matches {
  const [attribute, second] = attributes;
  if (attribute === undefined) return () => true;
  if (second !== undefined) throw badAttribute('Only one lookup attribute can be given.');
  const { AttributeKey, AttributeValue = '' } = attribute;
  if (AttributeValue === '' || AttributeValue.length > MAX_VALUE_CHARACTERS) {
    throw badAttribute(`An attribute's value has 1 to ${MAX_VALUE_CHARACTERS} characters.`);
  }
  if (AttributeKey === 'ReadOnly' && !/^(?:true|false)$/.test(AttributeValue)) {
    throw badAttribute('ReadOnly is true or false.');
  }
  const read = KEYS[AttributeKey!];
  return (event) => read(event).includes(AttributeValue);
}

function badAttribute(message: string): Error {
  return refuse('invalid-parameter', 'lookup-attributes', message);
}

/** `root`, a user's name, or that of a role's session. */
function userOf({ userIdentity: { type, arn = '' } }: KeptEvent): string {
  return type === 'Root' ? 'root' : arn.slice(arn.lastIndexOf('/') + 1);
}

/** The id, or the bucket. */
function nameOf(arn: string): string {
  return arn.slice(Math.max(arn.lastIndexOf('/'), arn.lastIndexOf(':')) + 1);
}

function renderEvent(event: KeptEvent): TrailEvent {
  const { accessKeyId } = event.userIdentity;
  return {
    EventId: event.eventId,
    EventName: event.eventName,
    ReadOnly: String(event.readOnly),
    ...(accessKeyId === undefined ? {} : { AccessKeyId: accessKeyId }),
    EventTime: new Date(event.eventTime),
    EventSource: event.eventSource,
    Username: userOf(event),
    Resources: event.resources.map(({ type, ARN }) => ({
      ResourceType: type,
      ResourceName: nameOf(ARN),
    })),
    CloudTrailEvent: JSON.stringify(renderRecord(event)),
  };
}

/** Parameters and answers are not kept, so that no secret can be. */
function renderRecord(event: KeptEvent) {
  const { userIdentity, userAgent, errorCode } = event;
  const { accountId } = userIdentity;
  const isUser = userIdentity.type === 'IAMUser';
  return {
    eventVersion: '1.08',
    userIdentity: { ...userIdentity, ...(isUser ? { userName: userOf(event) } : {}) },
    eventTime: event.eventTime.replace(/\.\d+Z$/, 'Z'),
    ...{ eventSource: event.eventSource, eventName: event.eventName },
    ...{ awsRegion: event.awsRegion, sourceIPAddress: event.sourceIPAddress },
    ...(userAgent === undefined ? {} : { userAgent }),
    ...(errorCode === undefined ? {} : { errorCode }),
    ...{ requestParameters: null, responseElements: null },
    ...{ requestID: event.requestID, eventID: event.eventId, readOnly: event.readOnly },
    resources: event.resources.map(({ type, ARN }) => ({ accountId, type, ARN })),
    ...{ eventType: 'AwsApiCall', managementEvent: true, recipientAccountId: accountId },
    eventCategory: 'Management',
  };
}
