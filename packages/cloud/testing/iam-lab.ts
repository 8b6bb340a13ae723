// Owns calls of IAM and STS in tests: by whoever has a key, through the actions as they are dispatched.

import type { IamAction, IamInput, IamOutput } from '@ironbark/protocol/iam/types.ts';
import type { Principal } from '@ironbark/protocol/internal/identity-client.ts';
import type { StsAction, StsInput, StsOutput } from '@ironbark/protocol/sts/types.ts';
import { TestCloud, type TestCloudOptions } from './test-cloud.ts';

export class IamLab implements AsyncDisposable {
  readonly cloud: TestCloud;
  readonly root: Principal;

  static async start(options: TestCloudOptions = {}): Promise<IamLab> {
    const cloud = await TestCloud.start(options);
    return new IamLab(cloud, (await cloud.cloud.adminKey()).principal);
  }

  private constructor(cloud: TestCloud, root: Principal) {
    this.cloud = cloud;
    this.root = root;
  }

  get accountId(): string {
    return this.root.accountId;
  }

  /** By the account's root. */
  iam<Name extends IamAction>(action: Name, input: Partial<IamInput<Name>>) {
    return this.iamAs(this.root, action, input);
  }

  iamAs<Name extends IamAction>(
    principal: Principal,
    action: Name,
    input: Partial<IamInput<Name>>,
  ): Promise<IamOutput<Name>> {
    const context = contextOf(principal);
    return this.cloud.cloud.iam.call(action, context, input) as Promise<IamOutput<Name>>;
  }

  stsAs<Name extends StsAction>(
    principal: Principal,
    action: Name,
    input: Partial<StsInput<Name>>,
  ): Promise<StsOutput<Name>> {
    const context = contextOf(principal);
    return this.cloud.cloud.sts.call(action, context, input) as Promise<StsOutput<Name>>;
  }

  /** A new user, and a way to see what it may do now. */
  async addUser(UserName: string): Promise<() => Promise<Principal>> {
    await this.iam('CreateUser', { UserName });
    const { AccessKey } = await this.iam('CreateAccessKey', { UserName });
    return () => this.principalOf(AccessKey!.AccessKeyId!);
  }

  /** Whom a request that is signed with this key speaks for. */
  async principalOf(accessKeyId: string): Promise<Principal> {
    const record = await this.cloud.cloud.identity.findAccessKey(accessKeyId);
    if (record === undefined) throw new Error(`nobody has the key ${accessKeyId}`);
    return record.principal;
  }

  /** In the place of what the user was allowed. */
  async allow(UserName: string, ...rules: object[]): Promise<void> {
    const PolicyDocument = policyOf(...rules);
    await this.iam('PutUserPolicy', { UserName, PolicyName: 'allowed', PolicyDocument });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cloud[Symbol.asyncDispose]();
  }
}

/** Each rule allows unless it says otherwise. */
export function policyOf(...rules: object[]): string {
  const Statement = rules.map((rule) => ({ Effect: 'Allow', Resource: '*', ...rule }));
  return JSON.stringify({ Version: '2012-10-17', Statement });
}

export function trustOf(...rules: object[]): string {
  const rest = { Effect: 'Allow', Action: 'sts:AssumeRole' };
  const Statement = rules.map((rule) => ({ ...rest, ...rule }));
  return JSON.stringify({ Version: '2012-10-17', Statement });
}

function contextOf(principal: Principal) {
  const { accountId } = principal;
  return { requestId: 'test', principal, accountId, region: 'us-east-1', dryRun: false };
}
