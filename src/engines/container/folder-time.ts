/**
 * What empty folders are made with that a job may write to, so that those which it has left alone can be told by a look. An odd
 * second, lest a job copies it from its data, and no folder with something in it has it.
 */
export const timeOfEmptyFolders = new Date('1999-07-03T11:23:57Z');

/** The same in nanoseconds since 1970. */
export const timeOfEmptyFoldersNs = BigInt(timeOfEmptyFolders.getTime()) * 1_000_000n;
