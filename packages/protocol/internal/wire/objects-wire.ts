// Owns how a node fetches images from Walrus in another process: one verb, to read.

import type { ImageBlob } from '../instance-messages.ts';
import type { ObjectsClient, StoredObject } from '../objects-client.ts';
import { object, pattern } from './checks.ts';
import type { ByteVerbTable, CallTransport } from './transport.ts';

const place = object<Pick<ImageBlob, 'bucket' | 'key'>>({
  bucket: pattern(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/),
  key: pattern(/^[\x21-\x7e]{1,1024}$/),
});

/** What a node needs of Walrus. */
export type ImageSource = Pick<ObjectsClient, 'getObject'>;

export function imageSourceBytes(objects: ImageSource): ByteVerbTable {
  return {
    getObject: async (input) => {
      const { object: answer, body } = await objects.getObject(place(input, ''));
      return { answer, body };
    },
  };
}

/** The node verifies size and digest, so what the other side says of the object is not relied on. */
export function remoteImageSource(transport: CallTransport): ImageSource {
  return {
    getObject: async ({ bucket, key }) => {
      const { answer, body } = await transport.callForBytes('getObject', { bucket, key });
      return { object: answer as StoredObject, body };
    },
  };
}
