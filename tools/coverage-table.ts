// Owns docs/api-coverage.md: which operations of AWS's models this cloud offers.

import { access, readFile, writeFile } from 'node:fs/promises';
import { ROUTES } from '@ironbark/objects/http/routes.ts';
import { cloudtrailModel } from '@ironbark/protocol/cloudtrail/wire.ts';
import { cloudwatchModel } from '@ironbark/protocol/cloudwatch/model.ts';
import { EBS_OPERATIONS } from '@ironbark/protocol/ebs/operations.ts';
import { ec2Model } from '@ironbark/protocol/ec2/model.ts';
import { iamModel } from '@ironbark/protocol/iam/model.ts';
import type { Operation, ServiceModel } from '@ironbark/protocol/models/service-model.ts';
import { servicequotasModel } from '@ironbark/protocol/servicequotas/wire.ts';
import { stsModel } from '@ironbark/protocol/sts/model.ts';
import S3_TESTS from '../test/conformance/s3-tests/result.json' with { type: 'json' };

interface Coverage {
  title: string;
  model: ServiceModel;
  offered: readonly string[];
}

const ROOT = new URL('../', import.meta.url);
const DOCUMENT = new URL('docs/api-coverage.md', ROOT);

export async function renderCoverage(): Promise<string> {
  const services: Coverage[] = [
    {
      title: 'EC2',
      model: ec2Model(),
      offered: await readNames('packages/cloud/actions/table.ts', 'EC2_ACTIONS'),
    },
    {
      title: 'STS',
      model: stsModel(),
      offered: await readNames('packages/cloud/actions/table-sts.ts', 'STS_ACTIONS'),
    },
    {
      title: 'IAM',
      model: iamModel(),
      offered: await readNames('packages/cloud/actions/table-iam.ts', 'IAM_ACTIONS'),
    },
    {
      title: 'CloudWatch',
      model: cloudwatchModel(),
      offered: await readNames('packages/cloud/actions/table-cloudwatch.ts', 'CLOUDWATCH_ACTIONS'),
    },
    {
      title: 'CloudTrail',
      model: cloudtrailModel(),
      offered: await readNames('packages/cloud/actions/table-cloudtrail.ts', 'CLOUDTRAIL_ACTIONS'),
    },
    {
      title: 'Service Quotas',
      model: servicequotasModel(),
      offered: await readNames(
        'packages/cloud/actions/table-servicequotas.ts',
        'SERVICEQUOTAS_ACTIONS',
      ),
    },
  ];
  const head = [
    '# API coverage',
    '',
    'Written by `npm run coverage-table` from the AWS models and the tables of actions; do not edit.',
    'An operation that is not offered answers `UnsupportedOperation` with its name, never an empty success.',
    '',
  ];
  const blocks = await renderBlocks();
  const objects = await renderObjects();
  return [...head, ...services.flatMap(renderService), ...blocks, ...objects].join('\n');
}

export async function readDocument(): Promise<string> {
  return await readFile(DOCUMENT, 'utf8');
}

/** No actions yet is a state in which the table can be written, too. */
async function readNames(path: string, name: string): Promise<readonly string[]> {
  const file = new URL(path, ROOT);
  const exists = await access(file).then(
    () => true,
    () => false,
  );
  if (!exists) return [];
  const names = ((await import(file.href)) as Record<string, unknown>)[name];
  if (!Array.isArray(names)) throw new Error(`${path} does not export ${name}`);
  return names;
}

function renderService({ title, model, offered }: Coverage): string[] {
  const stray = offered.find((name) => model.findOperation(name) === undefined);
  if (stray !== undefined) throw new Error(`${title} has no operation ${stray}`);
  const rest = model.operationNames.filter((name) => !offered.includes(name));
  return [
    `## ${title}: ${offered.length} of ${model.operationNames.length} operations`,
    '',
    `Model: ${model.source}, API version ${model.version}.`,
    '',
    ...renderOffered(offered.map((name) => model.findOperation(name)!)),
    '<details><summary>Not offered</summary>',
    '',
    `${rest.join(', ')}.`,
    '',
    '</details>',
    '',
  ];
}

/** A REST protocol of six operations, which has no model here. */
async function renderBlocks(): Promise<string[]> {
  const offered = await readNames('packages/cloud/actions/table-ebs.ts', 'EBS_ACTIONS');
  const rest = EBS_OPERATIONS.filter((name) => !offered.includes(name));
  return [
    `## EBS direct APIs: ${offered.length} of ${EBS_OPERATIONS.length} operations`,
    '',
    `Offered: ${offered.join(', ')}.`,
    '',
    ...(rest.length === 0 ? [] : [`Not offered: ${rest.join(', ')}.`, '']),
  ];
}

/** What requests make of another one by a header, or what no SDK has a command for. */
const BESIDE_THE_ROUTES = ['UploadPartCopy'];

/** S3's routes against the commands of AWS's client, and what others' tests say of them. */
async function renderObjects(): Promise<string[]> {
  const client = Object.keys(await import('@aws-sdk/client-s3'));
  const known = client
    .filter((name) => /^[A-Z]\w+Command$/.test(name))
    .map((name) => name.slice(0, -7));
  const routes = new Set([...ROUTES.map((route) => route.operation), ...BESIDE_THE_ROUTES]);
  const offered = known.filter((name) => routes.has(name));
  const rest = known.filter((name) => !routes.has(name));
  return [
    `## S3: ${offered.length} of ${known.length} operations`,
    '',
    `Offered: ${offered.toSorted().join(', ')}; and PostObject, the upload from a browser's form.`,
    '',
    'What is not offered answers `NotImplemented` with its name. Four configurations can be read and not set, as what they',
    'are while nobody has set them: accelerate, notification, replication and request payment.',
    '',
    `Not offered: ${rest.toSorted().join(', ')}.`,
    '',
    ...renderSuite(),
  ];
}

const HOW_TO_RECORD = 'Written by `npm run conformance -- s3-tests --record`';

function renderSuite(): string[] {
  const { commit, passed, failed, skipped, groups } = S3_TESTS;
  const rows = groups.map(({ reason, tests }) => `| ${tests} | ${reason} |`);
  if (passed === 0) {
    return ['### ceph/s3-tests: no whole run is recorded', '', `${HOW_TO_RECORD}.`, ''];
  }
  return [
    `### ceph/s3-tests: ${passed} of ${passed + failed + skipped} pass`,
    '',
    `The gate: what AWS itself is said to pass, without what is Ceph's own and other services'. Commit ${commit.slice(0, 12)};`,
    `${failed} fail and ${skipped} are skipped. ${HOW_TO_RECORD}.`,
    '',
    '| Tests that fail | Why |',
    '| --- | --- |',
    ...rows,
    '',
  ];
}

function renderOffered(operations: readonly Operation[]): string[] {
  if (operations.length === 0) return [];
  const rows = operations
    .toSorted((left, right) => (left.name < right.name ? -1 : 1))
    .map(({ name, pagination, filterNames, input }) => {
      const marks = [
        pagination === undefined ? '' : 'pages',
        filterNames.length === 0 ? '' : 'filters',
        input?.tokenMember === undefined ? '' : 'idempotent',
      ];
      return `| ${name} | ${marks.filter((mark) => mark !== '').join(', ')} |`;
    });
  return ['| Operation | In the model |', '| --- | --- |', ...rows, ''];
}

if (import.meta.main) {
  const text = await renderCoverage();
  await writeFile(DOCUMENT, text);
  console.log(`docs/api-coverage.md: ${Buffer.byteLength(text)} bytes`);
}
