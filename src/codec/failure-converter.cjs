// Loaded by the SDK by its path, in workers and in the bundle of the workflows; so CommonJS. Messages and stack traces of failures
// become a payload, which the codec encrypts as any other.
const { DefaultFailureConverter } = require('@temporalio/common');

exports.failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
