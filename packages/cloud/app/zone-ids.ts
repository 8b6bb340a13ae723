// Owns the ids of zones, which follow from their names.

/** `us-east-1a` is `use1-az1` and `us-gov-west-1a` is `usgw1-az1`, in AWS's manner. */
export function zoneIdOf(zone: string): string {
  const match = /^([a-z]+)(-gov)?-([a-z]+)-(\d+)([a-z])$/.exec(zone);
  if (match === null) return zone;
  const [, area, government = '', side, number, letter] = match;
  const place = `${area}${government.slice(1, 2)}${shortSide(side!)}${number}`;
  return `${place}-az${letter!.charCodeAt(0) - 96}`;
}

/** `northeast` is `ne`; a side of another name is its first letter. */
function shortSide(side: string): string {
  const [, first, second] = /^(north|south)(east|west)$/.exec(side) ?? [];
  if (first === undefined || second === undefined) return side.slice(0, 1);
  return `${first.slice(0, 1)}${second.slice(0, 1)}`;
}
