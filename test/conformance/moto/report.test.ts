// Owns the tests of how a run of pytest is read.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { causeOf, countBy, parseReport } from './report.ts';

const REPORT = `<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="pytest" tests="4">
<testcase classname="tests.test_ec2.test_tags" name="test_add" time="0.1" />
<testcase classname="tests.test_ec2.test_tags" name="test_more[a&amp;b]" time="0.1"><failure message="botocore.exceptions.ClientError: An error occurred (UnsupportedOperation) when calling the CreateVpc operation: The operation CreateVpc exists in AWS, but this cloud does not offer it.">x</failure></testcase>
<testcase classname="tests.test_ec2.test_vpcs" name="test_one" time="0.1"><skipped type="pytest.skip" message="no docker">y</skipped></testcase>
<testcase classname="tests.test_ec2.test_vpcs" name="test_two" time="0.1"><error message="failed on setup with &quot;boom&quot;&#10;more">z</error></testcase>
</testsuite></testsuites>`;

test('passed, failed, skipped and broken tests are told apart, with why', () => {
  const outcomes = parseReport(REPORT);
  assert.deepEqual(
    outcomes.map(({ file, name, outcome }) => [file, name, outcome]),
    [
      ['test_tags', 'test_add', 'passed'],
      ['test_tags', 'test_more[a&b]', 'failed'],
      ['test_vpcs', 'test_one', 'skipped'],
      ['test_vpcs', 'test_two', 'failed'],
    ],
  );
  const failed = outcomes.filter(({ outcome }) => outcome === 'failed');
  const causes = failed.map(({ message }) => causeOf(message));
  assert.deepEqual(causes, ['CreateVpc is not offered', 'failed on setup with "boom"']);
  assert.deepEqual(countBy([...causes, causes[1]!]), [
    ['failed on setup with "boom"', 2],
    ['CreateVpc is not offered', 1],
  ]);
});
