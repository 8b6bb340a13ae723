// Owns the reasons why some of ceph/s3-tests' tests fail, by the group that they are of.

const REASONS: readonly (readonly [RegExp, string])[] = [
  [
    /bad_(?:authorization|contentlength|date)_(?:empty|none|incorrect|invalid|mismatch)/,
    'the test does not send what it means to: boto3 signs after the header was changed (Ceph fails it too)',
  ],
  [
    /tenant|block_public_policy_with_principal|nonpublicpolicy_principal/,
    'tenants are a notion of Ceph: accounts have numbers, and are not named in front of buckets',
  ],
  [
    /get_part$/,
    'AWS answers 416 InvalidPartNumber for a part that an object does not have; the test expects 400 InvalidPart',
  ],
  [
    /recreate_(?:overwrite|new)_acl/,
    'AWS lets an owner make its bucket once more in us-east-1; the test expects a refusal',
  ],
  [
    /object_checksum_(?:sha256|crc64nvme)/,
    'AWS answers InvalidRequest for a checksum that is none; the test expects BadDigest',
  ],
  [
    /operator_end_with_IfExists/,
    'the owner’s root may read without the policy; the test expects that a policy which does not fit denies it',
  ],
  [
    /sse_kms_no_key/,
    'AWS takes the account’s own key where none is named; the test expects a refusal',
  ],
  [
    /request_obj_tag/,
    'AWS asks for s3:PutObjectTagging too where a write brings tags; the test gives s3:PutObject only',
  ],
  [
    /copy_invalid_range/,
    'AWS answers InvalidArgument for a range beyond the source; the test expects InvalidRange',
  ],
  [
    /expires_out_max_range/,
    'AWS answers 400 for a URL that is signed for more than a week; the test expects 403',
  ],
  [/unicode_metadata/, 'metadata comes back as the bytes that were sent; the test expects Latin-1'],
  [/chunked_transfer_encoding/, 'AWS asks for a length: MissingContentLength'],
  [/delete_marker_expiration/, 'it waits for a lifecycle whose days take seconds'],
  [
    /resend_first_finishes_last/,
    'the test completes an upload with one part number twice, which is no ascending order: InvalidPartOrder',
  ],
  [
    /read_unreadable/,
    'the key is well-formed UTF-8 as boto3 sends it, so there is no such key; the test means bytes that are not',
  ],
  [
    /delete_marker_nonversioned/,
    'AWS sends x-amz-delete-marker with delete markers only; the test expects "false"',
  ],
  [
    /copy_part_enc\[.*-sse-c-/,
    'AWS asks for the key at the end of an upload that was begun with a checksum; the test begins it without',
  ],
  [/torrent/, 'torrents are not offered; the test takes 404 and no other refusal'],
  [/oidc/, 'IAM is not offered over its API'],
];

/** Undefined for a failure that nobody has looked into. */
export function explainFailure(test: string): string | undefined {
  return REASONS.find(([pattern]) => pattern.test(test))?.[1];
}
