// Owns the committed service models: derives packages/protocol/models/*.json from the AWS SDK packages.

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseDeclarations } from './model-declarations.ts';
import { buildModel, type ModelSource } from './model-schemas.ts';

interface Service {
  name: string;
  package: string;
  protocol: 'ec2' | 'json' | 'query';
  version: string;
  /** As AWS writes it in its answers. */
  namespace: string;
  /** Operations that have their shapes in the model; the others only their names. Absent: all have. */
  shaped?: readonly string[];
  /** Members that are maps are wanted, too. */
  hasMaps?: boolean;
  load: () => Promise<Record<string, unknown>>;
}

const SERVICES: readonly Service[] = [
  {
    name: 'ec2',
    package: '@aws-sdk/client-ec2',
    protocol: 'ec2',
    version: '2016-11-15',
    namespace: 'http://ec2.amazonaws.com/doc/2016-11-15/',
    load: () => import('@aws-sdk/client-ec2'),
  },
  {
    name: 'sts',
    package: '@aws-sdk/client-sts',
    protocol: 'query',
    version: '2011-06-15',
    namespace: 'https://sts.amazonaws.com/doc/2011-06-15/',
    load: () => import('@aws-sdk/client-sts'),
  },
  {
    name: 'iam',
    package: '@aws-sdk/client-iam',
    protocol: 'query',
    version: '2010-05-08',
    namespace: 'https://iam.amazonaws.com/doc/2010-05-08/',
    hasMaps: true,
    load: () => import('@aws-sdk/client-iam'),
  },
  {
    name: 'cloudwatch',
    package: '@aws-sdk/client-cloudwatch',
    protocol: 'query',
    version: '2010-08-01',
    namespace: 'http://monitoring.amazonaws.com/doc/2010-08-01/',
    shaped: [
      ...['DeleteAlarms', 'DescribeAlarms', 'GetMetricData', 'GetMetricStatistics', 'ListMetrics'],
      ...['PutMetricAlarm', 'PutMetricData'],
      ...['ListTagsForResource', 'TagResource', 'UntagResource'],
    ],
    load: () => import('@aws-sdk/client-cloudwatch'),
  },
  {
    name: 'servicequotas',
    package: '@aws-sdk/client-service-quotas',
    protocol: 'json',
    version: '2019-06-24',
    namespace: 'com.amazonaws.servicequotas',
    shaped: [
      ...['GetAWSDefaultServiceQuota', 'GetServiceQuota', 'ListAWSDefaultServiceQuotas'],
      ...['ListServiceQuotas', 'ListServices'],
    ],
    load: () => import('@aws-sdk/client-service-quotas'),
  },
  {
    name: 'cloudtrail',
    package: '@aws-sdk/client-cloudtrail',
    protocol: 'json',
    version: '2013-11-01',
    namespace: 'com.amazonaws.cloudtrail',
    shaped: ['LookupEvents'],
    load: () => import('@aws-sdk/client-cloudtrail'),
  },
];

const MODELS = new URL('../packages/protocol/models/', import.meta.url);

/** Every model file by name, freshly generated from the installed packages. */
export async function generateModels(): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const service of SERVICES) {
    const model = buildModel(await readSource(service));
    files.set(`${service.name}.json`, renderModel(model));
  }
  return files;
}

export async function readCommittedModel(file: string): Promise<string> {
  return await readFile(new URL(file, MODELS), 'utf8');
}

async function readSource(service: Service): Promise<ModelSource> {
  const folder = dirname(dirname(fileURLToPath(import.meta.resolve(service.package))));
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  return {
    service: service.name,
    source: `${service.package} ${manifest.version}`,
    protocol: service.protocol,
    version: service.version,
    namespace: service.namespace,
    ...(service.shaped === undefined ? {} : { shaped: service.shaped }),
    hasMaps: service.hasMaps === true,
    exports: await service.load(),
    declarations: parseDeclarations(await readTexts(join(folder, 'dist-types/models'), '.d.ts')),
    paginators: await readTexts(join(folder, 'dist-es/pagination'), 'Paginator.js'),
  };
}

async function readTexts(folder: string, ending: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  const chosen = names.filter((name) => name.endsWith(ending)).sort();
  return await Promise.all(chosen.map((name) => readFile(join(folder, name), 'utf8')));
}

/** One shape and one operation a line, so that a new SDK version is a diff that people can read. */
function renderModel(model: Record<string, unknown>): string {
  const parts = Object.entries(model).map(
    ([key, value]) => `${JSON.stringify(key)}:${part(value)}`,
  );
  return `{\n${parts.join(',\n')}\n}\n`;
}

function part(value: unknown): string {
  if (Array.isArray(value)) return `[\n${value.map((one) => JSON.stringify(one)).join(',\n')}\n]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value);
  return `{\n${entries.map(([key, one]) => `${JSON.stringify(key)}:${JSON.stringify(one)}`).join(',\n')}\n}`;
}

if (import.meta.main) {
  for (const [file, text] of await generateModels()) {
    await writeFile(new URL(file, MODELS), text);
    console.log(`${file}: ${Buffer.byteLength(text)} bytes`);
  }
}
