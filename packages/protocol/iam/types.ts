// Owns the types of IAM's inputs and outputs. They are the SDK's own; nothing of the SDK is loaded.

import type * as sdk from '@aws-sdk/client-iam';
import type { Given } from '../given.ts';

type CommandName = Extract<keyof typeof sdk, `${string}Command`>;

/** The name of every IAM operation in the model. */
export type IamAction =
  Exclude<CommandName, '$Command'> extends `${infer Action}Command` ? Action : never;

type SdkCommand<Action extends IamAction> = InstanceType<(typeof sdk)[`${Action}Command`]>;

export type IamInput<Action extends IamAction> = Given<SdkCommand<Action>['input']>;

export type IamOutput<Action extends IamAction> = Omit<
  SdkCommand<Action> extends sdk.$Command<
    infer _Input,
    infer Output,
    infer _Config,
    infer _In,
    infer _Out
  >
    ? Output
    : never,
  '$metadata'
>;

export type User = sdk.User;
export type Group = sdk.Group;
export type Role = sdk.Role;
export type Policy = sdk.Policy;
export type InstanceProfile = sdk.InstanceProfile;
export type EvaluationResult = sdk.EvaluationResult;
export type ContextEntry = sdk.ContextEntry;
