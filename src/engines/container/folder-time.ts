/** What folders are made with that a job may write to, so that those which it has left alone can be told by a look. */
export const timeOfFolders = new Date('2000-01-01T00:00:00Z');

/** The same in nanoseconds since 1970. */
export const timeOfFoldersNs = BigInt(timeOfFolders.getTime()) * 1_000_000n;
