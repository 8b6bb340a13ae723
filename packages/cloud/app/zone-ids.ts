// Owns the ids of zones, which follow from their names.

/** `us-east-1a` is `use1-az1`, in AWS's manner. */
export function zoneIdOf(zone: string): string {
  const match = /^([a-z]+)-([a-z]+)-(\d+)([a-z])$/.exec(zone);
  if (match === null) return zone;
  const [, area, side, number, letter] = match;
  return `${area}${side!.slice(0, 1)}${number}-az${letter!.charCodeAt(0) - 96}`;
}
