import { z } from 'zod';
import { text } from './fields.ts';

/** `session` of the pipeline file: where in AWS a run takes place. What is left out comes from the configuration of the worker. */
export const sessionSettings = z
  .strictObject({
    region: z
      .string()
      .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'must be a region of AWS, such as "eu-central-1"')
      .optional()
      .describe('Default: that of the AWS configuration (AWS_REGION, the profile).'),
    role: text(2048)
      .regex(
        /^(arn:aws[a-z-]*:iam::\d{12}:role\/)?[\w+=,.@/-]+$/,
        'must be the name or the ARN of an IAM role',
      )
      .optional()
      .describe('The role that jobs run under, its name or ARN. Default: SLUICE_ROLE.'),
    bucket: z
      .string()
      .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'must be the name of an S3 bucket')
      .optional()
      .describe('Default: SLUICE_BUCKET, else sagemaker-<region>-<account>.'),
    prefix: z
      .string()
      .regex(/^[\w.-]+(\/[\w.-]+)*$/, 'must consist of letters, digits, ".", "_", "-" and inner "/"')
      .max(200)
      .optional()
      .describe('Below which Sluice keeps its things in the bucket. Default: sluice.'),
  })
  .describe('Where in AWS the run takes place; only for mode "sagemaker".');
export type SessionSettings = z.infer<typeof sessionSettings>;

/** A session whose parts are known and were looked at. */
export interface ResolvedSession {
  region: string;
  /** Twelve digits. */
  accountId: string;
  roleArn: string;
  bucket: string;
  /** Without slashes at its ends. */
  prefix: string;
}

/** The folder of a session, without a final slash. */
export const sessionUri = ({ bucket, prefix }: ResolvedSession) => `s3://${bucket}/${prefix}`;
