// Owns the types of EC2's inputs and outputs. They are the SDK's own; nothing of the SDK is loaded.

import type * as sdk from '@aws-sdk/client-ec2';

type CommandName = Extract<keyof typeof sdk, `${string}Command`>;

/** The name of every EC2 operation in the model. */
export type Ec2Action =
  Exclude<CommandName, '$Command'> extends `${infer Action}Command` ? Action : never;

type SdkCommand<Action extends Ec2Action> = InstanceType<(typeof sdk)[`${Action}Command`]>;

/** Undefined is the SDK's way to force a choice; the decoder has made sure of required members. */
type Given<Input> = {
  [Name in keyof Input]: object extends Pick<Input, Name> ? Input[Name] : NonNullable<Input[Name]>;
};

/** What an action is given: `Ec2Input<'RunInstances'>`. */
export type Ec2Input<Action extends Ec2Action> = Given<SdkCommand<Action>['input']>;

/** What an action answers: `Ec2Output<'RunInstances'>`. */
export type Ec2Output<Action extends Ec2Action> = Omit<
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
