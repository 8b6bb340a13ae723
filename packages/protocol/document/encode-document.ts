// Owns the way from an operation's output to a document that JSON or CBOR can hold.

import type { Shape, StructureShape } from '../models/service-model.ts';

/** What a wire has for a time. */
export type EncodeTime = (time: Date) => unknown;

/** A member or a value that the model does not have is a bug of the action: better an error than a wrong answer. */
export function encodeDocument(
  shape: StructureShape,
  output: object,
  encodeTime: EncodeTime,
): Record<string, unknown> {
  const members = new Map(shape.members.map((member) => [member.name, member]));
  const given = Object.entries(output).filter(([, part]) => part !== undefined && part !== null);
  const encoded = given.map(([name, part]) => {
    const member = members.get(name);
    if (member === undefined) throw new TypeError(`${shape.name} has no member ${name}`);
    return [name, encodeShape(member.shape, part, encodeTime)] as const;
  });
  return Object.fromEntries(encoded);
}

function encodeShape(shape: Shape, value: unknown, encodeTime: EncodeTime): unknown {
  if (shape.kind === 'structure') return encodeDocument(shape, Object(value), encodeTime);
  if (shape.kind === 'list') {
    return (value as unknown[]).map((item) => encodeShape(shape.item, item, encodeTime));
  }
  return shape.kind === 'timestamp' ? encodeTime(value as Date) : value;
}
