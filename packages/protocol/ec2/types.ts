// Owns the types of EC2's inputs and outputs. They are the SDK's own; nothing of the SDK is loaded.

import type * as sdk from '@aws-sdk/client-ec2';
import type { Given } from '../given.ts';

type CommandName = Extract<keyof typeof sdk, `${string}Command`>;

/** The name of every EC2 operation in the model. */
export type Ec2Action =
  Exclude<CommandName, '$Command'> extends `${infer Action}Command` ? Action : never;

type SdkCommand<Action extends Ec2Action> = InstanceType<(typeof sdk)[`${Action}Command`]>;

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
