// Owns the tests of EC2's answers: documents, escapes, errors.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorKind, type ErrorResource, ServiceError } from '@ironbark/core/errors.ts';
import { CLOUDWATCH_ERRORS } from '../cloudwatch/errors.ts';
import { EBS_ERRORS } from '../ebs/errors.ts';
import { COMMON_ERRORS } from '../query/common-errors.ts';
import { STS_PROTOCOL } from '../sts/protocol.ts';
import { encodeEc2Request } from './encode-request.ts';
import { EC2_ERRORS } from './errors.ts';
import { getEc2Operation } from './model.ts';
import { parseEc2Error, parseEc2Response } from './parse-response.ts';
import { renderEc2Error } from './render-error.ts';
import { renderEc2Response } from './render-response.ts';

const CONTEXT = { requestId: 'r-1', version: '2016-11-15' };
const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';

function render(action: string, output: unknown): string {
  return renderEc2Response(getEc2Operation(action), output, CONTEXT);
}

test('an answer has the request id, its members in AWS spelling, and empty lists as empty elements', () => {
  const xml = render('DescribeVolumes', {
    Volumes: [
      {
        VolumeId: 'vol-1',
        Size: 8,
        Encrypted: false,
        CreateTime: new Date(0),
        Attachments: [],
        Iops: undefined,
      },
    ],
    NextToken: undefined,
  });
  assert.equal(
    xml,
    `${DECLARATION}<DescribeVolumesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r-1</requestId>` +
      '<volumeSet><item><volumeId>vol-1</volumeId><size>8</size><createTime>1970-01-01T00:00:00.000Z</createTime>' +
      '<attachmentSet></attachmentSet><encrypted>false</encrypted></item></volumeSet></DescribeVolumesResponse>',
  );
});

test('an operation without output answers that it went well', () => {
  assert.match(
    render('RebootInstances', undefined),
    /<requestId>r-1<\/requestId><return>true<\/return>/,
  );
  assert.deepEqual(parseEc2Response('RebootInstances', render('RebootInstances', undefined)), {});
});

test('text survives, and what XML cannot hold becomes a replacement character', () => {
  const cases: [string, string][] = [
    ['a<b>&"\'c', 'a<b>&"\'c'],
    ['one\r\ntwo\tthree', 'one\r\ntwo\tthree'],
    [']]>', ']]>'],
    ['é\u{1f600}', 'é\u{1f600}'],
    ['nul\u0000bell\u0007', 'nul\ufffdbell\ufffd'],
    ['lone\ud800', 'lone\ufffd'],
  ];
  for (const [text, expected] of cases) {
    const xml = render('GetConsoleOutput', { Output: text });
    assert.equal(parseEc2Response('GetConsoleOutput', xml)['Output'], expected);
  }
});

test('an output that the model does not allow is a bug that shows', () => {
  const bad: [string, unknown][] = [
    ['GetConsoleOutput', { Timestamp: '2026-01-01' }],
    ['GetConsoleOutput', { Output: 3 }],
    ['GetConsoleOutput', { Colour: 'red' }],
    ['DescribeVolumes', { Volumes: [{ Size: Number.NaN }] }],
    ['DescribeVolumes', { Volumes: [{ Encrypted: 'false' }] }],
  ];
  for (const [action, output] of bad) assert.throws(() => render(action, output), TypeError);
  assert.throws(() => encodeEc2Request('StopInstances', { Colour: 'red' }), TypeError);
});

test('errors have the code that EC2 documents', () => {
  const cases: [ErrorKind, ErrorResource, string, number][] = [
    ['not-found', 'instance', 'InvalidInstanceID.NotFound', 400],
    ['malformed-id', 'instance', 'InvalidInstanceID.Malformed', 400],
    ['not-found', 'volume', 'InvalidVolume.NotFound', 400],
    ['not-found', 'image', 'InvalidAMIID.NotFound', 400],
    ['not-found', 'security-group', 'InvalidGroup.NotFound', 400],
    ['not-found', 'key-pair', 'InvalidKeyPair.NotFound', 400],
    ['duplicate', 'key-pair', 'InvalidKeyPair.Duplicate', 400],
    ['incorrect-state', 'instance', 'IncorrectInstanceState', 400],
    ['incorrect-state', 'volume', 'IncorrectState', 400],
    ['in-use', 'volume', 'VolumeInUse', 400],
    ['zone-mismatch', 'volume', 'InvalidVolume.ZoneMismatch', 400],
    ['insufficient-capacity', 'instance', 'InsufficientInstanceCapacity', 500],
    ['insufficient-capacity', 'volume', 'InsufficientVolumeCapacity', 500],
    ['invalid-parameter', 'filter', 'InvalidParameterValue', 400],
    ['invalid-parameter', 'page-token', 'InvalidNextToken', 400],
    ['idempotency-mismatch', 'client-token', 'IdempotentParameterMismatch', 400],
    ['not-authenticated', 'access-key', 'AuthFailure', 401],
    ['not-authenticated', 'signature', 'AuthFailure', 401],
    ['not-authenticated', 'request-time', 'RequestExpired', 400],
    ['not-authorized', 'request', 'UnauthorizedOperation', 403],
    ['dry-run', 'request', 'DryRunOperation', 412],
    ['unsupported', 'action', 'UnsupportedOperation', 400],
    ['unknown-action', 'action', 'InvalidAction', 400],
  ];
  for (const [kind, resource, code, status] of cases) {
    const rendered = renderEc2Error(
      new ServiceError({ kind, resource, message: 'why <not>' }),
      'r-9',
    );
    assert.deepEqual([rendered.code, rendered.status], [code, status], `${kind}/${resource}`);
    assert.deepEqual(parseEc2Error(rendered.body), {
      code,
      message: 'why <not>',
      requestId: 'r-9',
    });
  }
});

test('every code of every table is a code, with a status of an error', () => {
  const tables = [EC2_ERRORS, COMMON_ERRORS, CLOUDWATCH_ERRORS, EBS_ERRORS];
  for (const codes of tables.flatMap((table) => Object.values(table))) {
    for (const [code, status] of Object.values(codes)) {
      assert.match(code, /^[A-Z][A-Za-z]+(\.[A-Z][A-Za-z]+)?$/);
      assert.ok(status >= 400 && status < 600, code);
    }
  }
});

test('an error that nobody meant says nothing of the inside', () => {
  for (const error of [new Error('select * from secrets'), 'text', undefined]) {
    const { status, body } = renderEc2Error(error, 'r-9');
    assert.equal(status, 500);
    assert.equal(parseEc2Error(body)?.code, 'InternalError');
    assert.doesNotMatch(body, /secrets|text/);
    assert.match(
      STS_PROTOCOL.renderError(error, 'r-9').body,
      /<Type>Receiver<\/Type><Code>InternalFailure</,
    );
  }
});

test('a body that is no EC2 error is told apart', () => {
  for (const body of [
    '',
    '<html><body>Bad gateway</body></html>',
    'not xml <',
    '{"a":1}',
    '<a>'.repeat(100),
  ]) {
    assert.equal(parseEc2Error(body), undefined);
  }
});
