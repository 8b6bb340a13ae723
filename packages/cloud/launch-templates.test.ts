// Owns the tests of launch templates: versions, what a launch takes from one, and what is refused.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorKind, type ErrorResource, isServiceError } from '@ironbark/core/errors.ts';
import { TestCloud } from './testing/test-cloud.ts';

function refused(kind: ErrorKind, resource: ErrorResource, part = '') {
  return (error: unknown) =>
    isServiceError(error, kind) && error.resource === resource && error.message.includes(part);
}

const LaunchTemplateName = 'web';

async function withTemplate(t: TestCloud, image: string): Promise<string> {
  const { LaunchTemplate } = await t.call('CreateLaunchTemplate', {
    LaunchTemplateName,
    VersionDescription: 'the first',
    LaunchTemplateData: {
      ImageId: image,
      InstanceType: 't3.micro',
      UserData: Buffer.from('one').toString('base64'),
      TagSpecifications: [
        {
          ResourceType: 'instance',
          Tags: [
            { Key: 'role', Value: 'web' },
            { Key: 'a', Value: '1' },
          ],
        },
      ],
    },
    TagSpecifications: [{ ResourceType: 'launch-template', Tags: [{ Key: 'k', Value: 'v' }] }],
  });
  return LaunchTemplate!.LaunchTemplateId!;
}

test('versions are added over a source, described in their ranges, made default and deleted', async () => {
  await using t = await TestCloud.start();
  const LaunchTemplateId = await withTemplate(t, `ami-${'0'.repeat(17)}`);
  const add = (InstanceType: 't3.small', SourceVersion?: string) =>
    t.call('CreateLaunchTemplateVersion', {
      LaunchTemplateId,
      SourceVersion,
      LaunchTemplateData: { InstanceType },
    });
  const second = (await add('t3.small', '1')).LaunchTemplateVersion!;
  assert.equal(second.VersionNumber, 2);
  assert.equal(second.LaunchTemplateData!.InstanceType, 't3.small');
  assert.equal(second.LaunchTemplateData!.TagSpecifications![0]!.Tags!.length, 2);
  const third = (await add('t3.small')).LaunchTemplateVersion!;
  assert.equal(third.LaunchTemplateData!.ImageId, undefined);
  const numbers = async (input: object) => {
    const all = { LaunchTemplateId, ...input };
    const { LaunchTemplateVersions } = await t.call('DescribeLaunchTemplateVersions', all);
    return LaunchTemplateVersions!.map((version) => version.VersionNumber);
  };
  assert.deepEqual(await numbers({}), [1, 2, 3]);
  assert.deepEqual(await numbers({ MinVersion: '2' }), [2, 3]);
  assert.deepEqual(await numbers({ MaxVersion: '2' }), [1, 2]);
  assert.deepEqual(await numbers({ Versions: ['$Default', '$Latest', '3'] }), [1, 3]);
  const byType = { Filters: [{ Name: 'instance-type', Values: ['t3.s*'] }] };
  assert.deepEqual(await numbers(byType), [2, 3]);
  await assert.rejects(
    numbers({ Versions: ['9'] }),
    refused('not-found', 'launch-template-version', `version 9 for the launch template with ID`),
  );
  await t.call('ModifyLaunchTemplate', { LaunchTemplateName, DefaultVersion: '2' });
  const wanted = { LaunchTemplateId, Versions: ['2', '3', '7'] };
  const deleted = await t.call('DeleteLaunchTemplateVersions', wanted);
  const codes = deleted.UnsuccessfullyDeletedLaunchTemplateVersions!.map((one) => [
    one.VersionNumber,
    one.ResponseError!.Code,
  ]);
  assert.deepEqual(codes, [
    [2, 'unexpectedError'],
    [7, 'launchTemplateVersionDoesNotExist'],
  ]);
  assert.deepEqual(await numbers({ Versions: ['$Latest'] }), [2]);
  assert.equal((await add('t3.small')).LaunchTemplateVersion!.VersionNumber, 4);
  const { LaunchTemplates } = await t.call('DescribeLaunchTemplates', {
    Filters: [{ Name: 'tag:k', Values: ['v'] }],
  });
  assert.equal(LaunchTemplates![0]!.DefaultVersionNumber, 2);
  assert.equal(LaunchTemplates![0]!.LatestVersionNumber, 4);
  await t.call('DeleteLaunchTemplate', { LaunchTemplateName });
  assert.deepEqual((await t.call('DescribeLaunchTemplates', {})).LaunchTemplates, []);
  assert.deepEqual((await t.call('DescribeTags', {})).Tags, []);
});

test('a launch takes what its template says, and what the request says instead', async () => {
  await using t = await TestCloud.start();
  const image = await t.registerImage();
  const LaunchTemplateId = await withTemplate(t, image);
  const { Instances } = await t.call('RunInstances', {
    LaunchTemplate: { LaunchTemplateId },
    MinCount: 1,
    MaxCount: 1,
    InstanceType: 't3.nano',
    TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'a', Value: '2' }] }],
  });
  const [instance] = Instances!;
  assert.equal(instance!.InstanceType, 't3.nano');
  assert.equal(instance!.ImageId, image);
  const tags = Object.fromEntries(instance!.Tags!.map(({ Key, Value }) => [Key, Value]));
  assert.deepEqual(tags, {
    a: '2',
    role: 'web',
    'aws:ec2launchtemplate:id': LaunchTemplateId,
    'aws:ec2launchtemplate:version': '1',
  });
  const InstanceId = instance!.InstanceId!;
  const read = await t.call('DescribeInstanceAttribute', { InstanceId, Attribute: 'userData' });
  assert.equal(Buffer.from(read.UserData!.Value!, 'base64').toString(), 'one');
  const Resources = [InstanceId];
  await t.call('DeleteTags', { Resources });
  const left = (await t.describe(InstanceId)).Tags!.map(({ Key }) => Key);
  assert.deepEqual(left, ['aws:ec2launchtemplate:id', 'aws:ec2launchtemplate:version']);
  await assert.rejects(
    t.call('DeleteTags', { Resources, Tags: [{ Key: left[0] }] }),
    refused('invalid-parameter', 'tag', 'reserved'),
  );
  const { LaunchTemplateData } = await t.call('GetLaunchTemplateData', { InstanceId });
  assert.equal(LaunchTemplateData!.ImageId, image);
  assert.deepEqual(LaunchTemplateData!.TagSpecifications, []);
});

test('what a template asks for and this cloud does not offer is refused at the launch', async () => {
  await using t = await TestCloud.start();
  await t.call('CreateLaunchTemplate', {
    LaunchTemplateName,
    LaunchTemplateData: { ImageId: await t.registerImage(), CpuOptions: { CoreCount: 1 } },
  });
  const launch = (LaunchTemplate: object) =>
    t.call('RunInstances', { LaunchTemplate, MinCount: 1, MaxCount: 1 });
  const call = launch({ LaunchTemplateName });
  await assert.rejects(call, refused('unsupported', 'action', 'CpuOptions'));
  await assert.rejects(launch({}), refused('missing-parameter', 'request'));
  await assert.rejects(
    launch({ LaunchTemplateName, Version: '2' }),
    refused('not-found', 'launch-template-version'),
  );
  await assert.rejects(
    launch({ LaunchTemplateName: 'none' }),
    refused('not-found', 'launch-template-name'),
  );
  const other = await t.addAccount('other');
  await assert.rejects(
    t.callAs(other, 'DescribeLaunchTemplateVersions', { LaunchTemplateName }),
    refused('not-found', 'launch-template-name'),
  );
});

test('names of templates are checked, and their data has to say something', async () => {
  await using t = await TestCloud.start();
  const create = (name: string, LaunchTemplateData: object = { InstanceType: 't3.nano' }) =>
    t.call('CreateLaunchTemplate', { LaunchTemplateName: name, LaunchTemplateData });
  await assert.rejects(create('no'), refused('invalid-parameter', 'launch-template-name'));
  await assert.rejects(create('a b c'), refused('invalid-parameter', 'launch-template-name'));
  await create('twice');
  await assert.rejects(create('twice'), refused('duplicate', 'launch-template', 'already in use'));
  const both = { LaunchTemplateName: 'twice', LaunchTemplateId: `lt-${'0'.repeat(17)}` };
  await assert.rejects(
    t.call('DeleteLaunchTemplate', both),
    refused('invalid-combination', 'request'),
  );
  await assert.rejects(
    t.call('DeleteLaunchTemplate', { LaunchTemplateId: both.LaunchTemplateId }),
    refused('not-found', 'launch-template'),
  );
  const again = { ClientToken: 'once', LaunchTemplateName: 'tokened' } as const;
  const data = { LaunchTemplateData: { InstanceType: 't3.nano' as const } };
  const first = await t.call('CreateLaunchTemplate', { ...again, ...data });
  const second = await t.call('CreateLaunchTemplate', { ...again, ...data });
  assert.deepEqual(second, first);
});
