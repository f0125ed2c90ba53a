import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { ModelBody, TransformJob } from '../../../src/core/jobs.ts';
import { buildImage, makeFolder, urlOf, writeFiles } from './jobs.ts';

/** Answers every line in capitals after the prefix of the model; words in a request and variables make it misbehave. */
const serve = `#!/usr/bin/env python3
import http.server, os, signal, sys, time
def end(*_):
    if 'LINGER' in os.environ:
        print('ending', flush=True)
        time.sleep(float(os.environ['LINGER']))
        print('last words', flush=True)
    os._exit(0)
signal.signal(signal.SIGTERM, end)  # the first process ignores what it does not handle
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def answer(self, status, body=b''):
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        if self.path == '/ping': self.answer(503 if os.environ.get('PING') == 'never' else 200)
        else: self.answer(404)
    def do_POST(self):
        lines = self.rfile.read(int(self.headers['Content-Length'])).decode().splitlines()
        print('asked for', len(lines), 'as', self.headers['Content-Type'], flush=True)
        if 'DIE' in lines: os._exit(9)
        if 'SLOW' in lines: time.sleep(60)
        if 'BOOM' in lines: return self.answer(500, b'no such leaf')
        prefix = open('/opt/ml/model/prefix').read() + os.environ.get('SUFFIX', '')
        self.answer(200, ''.join(prefix + line.upper() + '\\n' for line in lines).encode())
print('serving as', os.getuid(), sys.argv[1:], flush=True)
http.server.ThreadingHTTPServer(('', int(os.environ['SAGEMAKER_BIND_TO_PORT'])), Handler).serve_forever()
`;

export const buildServingImage = (short: string, instructions = '') =>
  buildImage(short, `COPY serve /usr/local/bin/serve\n${instructions}`, { serve });

/** A model whose archive is made of these files, by `tar` with these options. */
export function makeModel(
  image: string,
  files: Record<string, string>,
  environment: Record<string, string> = {},
  tarOptions: readonly string[] = [],
): ModelBody {
  const folder = writeFiles(makeFolder(), files);
  const archive = join(makeFolder(), `${randomUUID()}.tar.gz`);
  execFileSync('tar', ['-C', folder, ...tarOptions, '-czf', archive, ...Object.keys(files)]);
  return { PrimaryContainer: { Image: image, ModelDataUrl: urlOf(archive), Environment: environment } };
}

export interface TransformParts {
  contentType?: string;
  splitType?: 'None' | 'Line';
  strategy?: 'MultiRecord' | 'SingleRecord';
  instanceCount?: number;
  environment?: Record<string, string>;
  maxRuntimeSeconds?: number;
}

export function transformJob(
  model: string,
  input: string,
  output: string,
  parts: TransformParts = {},
): TransformJob {
  const { contentType = 'text/csv', splitType = 'Line', strategy, instanceCount = 1 } = parts;
  return {
    kind: 'Transform',
    body: {
      ModelName: model,
      TransformInput: {
        DataSource: { S3DataSource: { S3Uri: urlOf(input), S3DataType: 'S3Prefix' } },
        ContentType: contentType,
        SplitType: splitType,
      },
      TransformOutput: { S3OutputPath: `${urlOf(output)}/`, Accept: contentType, AssembleWith: 'Line' },
      ...(strategy !== undefined && { BatchStrategy: strategy }),
      TransformResources: { InstanceCount: instanceCount, InstanceType: 'ml.m5.xlarge' },
      Environment: parts.environment ?? {},
    },
    local: { stopGraceSeconds: 5, maxRuntimeSeconds: parts.maxRuntimeSeconds ?? 60 },
    tags: {},
  };
}
