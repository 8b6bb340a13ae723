// Owns the types of CloudTrail's inputs and outputs. They are the SDK's own; nothing of the SDK is loaded.

import type * as sdk from '@aws-sdk/client-cloudtrail';
import type { Given } from '../given.ts';

export type LookupEventsInput = Given<sdk.LookupEventsCommandInput>;
export type LookupEventsOutput = sdk.LookupEventsResponse;
export type LookupAttribute = sdk.LookupAttribute;
export type TrailEvent = sdk.Event;
