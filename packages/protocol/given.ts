// Owns the type of an action's input as its handler is given it.

/** Undefined is the SDK's way to force a choice; the decoder has made sure of required members. */
export type Given<Input> = {
  [Name in keyof Input]: object extends Pick<Input, Name> ? Input[Name] : NonNullable<Input[Name]>;
};
