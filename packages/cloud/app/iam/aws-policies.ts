// Owns the managed policies that every account finds: AWS's names, as far as they say something in this cloud.

interface AwsPolicy {
  id: string;
  name: string;
  arn: string;
  path: string;
  description: string;
  document: string;
}

const ALLOW_ALL = [{ Action: '*', Resource: '*' }];
const READ_S3 = [
  's3:Get*',
  's3:List*',
  's3:Describe*',
  's3-object-lambda:Get*',
  's3-object-lambda:List*',
];
const READ_METRICS = ['cloudwatch:Describe*', 'cloudwatch:Get*', 'cloudwatch:List*'];
const READ_IAM = [
  'iam:GenerateCredentialReport',
  'iam:GenerateServiceLastAccessedDetails',
  'iam:Get*',
  'iam:List*',
  'iam:SimulateCustomPolicy',
  'iam:SimulatePrincipalPolicy',
];

type Rule = Readonly<Record<string, unknown>>;

const POLICIES: readonly [name: string, description: string, rules: readonly Rule[]][] = [
  ['AdministratorAccess', 'Provides full access to AWS services and resources.', ALLOW_ALL],
  [
    'PowerUserAccess',
    'Provides full access to AWS services and resources, but does not allow management of Users and groups.',
    [
      { NotAction: ['iam:*', 'organizations:*', 'account:*'], Resource: '*' },
      { Action: ['iam:ListRoles', 'organizations:DescribeOrganization'], Resource: '*' },
    ],
  ],
  [
    'ReadOnlyAccess',
    'Provides read-only access to AWS services and resources.',
    [
      {
        Action: [
          'ebs:GetSnapshotBlock',
          'ebs:ListChangedBlocks',
          'ebs:ListSnapshotBlocks',
          'ec2:Describe*',
          'ec2:Get*',
          'ec2:Search*',
          'servicequotas:Get*',
          'servicequotas:List*',
          'cloudtrail:LookupEvents',
          'sts:GetAccessKeyInfo',
          'sts:GetCallerIdentity',
          'sts:GetSessionToken',
          ...READ_METRICS,
          ...READ_IAM,
          ...READ_S3,
        ],
        Resource: '*',
      },
    ],
  ],
  [
    'AmazonEC2FullAccess',
    'Provides full access to Amazon EC2 via the AWS Management Console.',
    [
      { Action: 'ec2:*', Resource: '*' },
      { Action: 'cloudwatch:*', Resource: '*' },
    ],
  ],
  [
    'AmazonEC2ReadOnlyAccess',
    'Provides read only access to Amazon EC2 via the AWS Management Console.',
    [
      { Action: ['ec2:Describe*', 'ec2:GetSecurityGroupsForVpc'], Resource: '*' },
      {
        Action: [
          'cloudwatch:ListMetrics',
          'cloudwatch:GetMetricStatistics',
          'cloudwatch:Describe*',
        ],
        Resource: '*',
      },
    ],
  ],
  [
    'AmazonS3FullAccess',
    'Provides full access to all buckets via the AWS Management Console.',
    [{ Action: ['s3:*', 's3-object-lambda:*'], Resource: '*' }],
  ],
  [
    'AmazonS3ReadOnlyAccess',
    'Provides read only access to all buckets via the AWS Management Console.',
    [{ Action: READ_S3, Resource: '*' }],
  ],
  [
    'CloudWatchReadOnlyAccess',
    'Provides read only access to CloudWatch.',
    [{ Action: READ_METRICS, Resource: '*' }],
  ],
  [
    'IAMFullAccess',
    'Provides full access to IAM via the AWS Management Console.',
    [{ Action: 'iam:*', Resource: '*' }],
  ],
  [
    'IAMReadOnlyAccess',
    'Provides read only access to IAM via the AWS Management Console.',
    [{ Action: READ_IAM, Resource: '*' }],
  ],
];

/** Since when they are, for an answer: the date of IAM's API. */
export const AWS_POLICY_TIME_MS = Date.parse('2010-05-08T00:00:00Z');

export const AWS_POLICIES: ReadonlyMap<string, AwsPolicy> = new Map(
  POLICIES.map(([name, description, rules], at) => {
    const arn = `arn:aws:iam::aws:policy/${name}`;
    const Statement = rules.map((rule) => ({ Effect: 'Allow', ...rule }));
    const document = JSON.stringify({ Version: '2012-10-17', Statement });
    const id = `ANPAAWSMANAGEDPOLICY${String.fromCharCode(65 + at)}`;
    return [arn, { id, name, arn, path: '/', description, document }] as const;
  }),
);
