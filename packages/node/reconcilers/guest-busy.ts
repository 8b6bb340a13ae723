// Owns what says that a guest has not let go of a volume in time.

/** Nothing is broken, and asking goes on. */
export class GuestBusyError extends Error {}
