// Owns the order in which chains look at a packet that a router passes on. Where it comes from is asked first; then what
// the sender's subnet and groups let out; then whether there is a way; last what the receiver's subnet and groups let in.
// So a packet that is counted before a step and not behind it was refused by that step. All before the host's own filters (0).

export const SENDERS = -16;
export const FLOWS_LEAVING = -15;
export const ACL_LEAVING = -14;
export const GROUPS_LEAVING = -13;
export const FLOWS_LEFT = -12;
export const WAYS = -11;
export const FLOWS_COMING = -10;
export const ACL_ENTERING = -9;
export const GROUPS_ENTERING = -8;
export const FLOWS_CAME = -7;
