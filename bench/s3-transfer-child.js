import { createS3 } from '../dist/aws/s3.js';
import { createS3Storage } from '../dist/storage/s3-storage.js';
import { repackModelOnS3 } from '../dist/storage/s3/repack.js';

/**
 * Does one thing with the built storage in a process of its own and prints how much memory that process has had at most:
 * `node s3-transfer-child.js put FILE URI | download URI FILE | repack URI FOLDER URI`.
 */
const [what, ...args] = process.argv.slice(2);
const storage = createS3Storage(createS3(), 's3://bench');
const repack = (artifactUri, codeFolder, targetUri) =>
  repackModelOnS3(storage, { artifactUri, codeFolder, targetUri });
await { put: storage.put, download: storage.download, repack }[what](...args);
console.log(JSON.stringify({ peakMb: process.resourceUsage().maxRSS / 1024 }));
