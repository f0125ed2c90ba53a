import { z } from 'zod';
import { headerText } from './fields.ts';
import { notificationEvents, placeholders, unknownPlaceholders } from './notification.ts';
import { secretReference } from './secrets.ts';
import { listed } from './wording.ts';

const webhook = z
  .union([z.url({ protocol: /^https?$/ }).max(2048), secretReference], {
    error: 'must be an http:// or https:// address, {"Env": "NAME"} or {"File": "/path"} of the worker',
  })
  .describe('An address, or where the worker finds it: {"Env": "NAME"} or {"File": "/path"}.');

const topic = z
  .string()
  .max(512)
  .regex(
    /^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?$/,
    'must be the ARN of a topic, arn:aws:sns:<region>:<account>:<name>',
  )
  .describe('The ARN of a topic of Amazon SNS.');

const addresses = z
  .array(z.string().max(254).regex(z.regexes.email, 'must be an e-mail address'))
  .min(1)
  .max(50)
  .describe('E-mail addresses. The worker needs SLUICE_SMTP_URL and SLUICE_MAIL_FROM.');

const knownPlaceholders = {
  check: (template: string) => unknownPlaceholders(template).length === 0,
  message: `has a name in braces that is none of ${listed(placeholders)}`,
};

/** Unlike other text of the file it may have lines. */
const template = z
  .string()
  .min(1)
  .max(4000)
  .regex(/^(?:[^\p{Cc}\p{Cs}]|[\n\t])*$/u, 'must not contain control characters but line breaks and tabs')
  .refine(knownPlaceholders.check, knownPlaceholders.message)
  .describe(`What is told; {name} becomes the value: ${placeholders.join(', ')}.`);

const kinds = ['webhook', 'sns', 'email'] as const;
export type TargetKind = (typeof kinds)[number];

export const notifyTarget = z
  .strictObject({
    webhook: webhook.optional(),
    sns: topic.optional(),
    email: addresses.optional(),
    on: z
      .array(z.enum(notificationEvents))
      .min(1)
      .max(notificationEvents.length)
      .default(['rejected', 'failed'])
      .describe('Which ends are told.'),
    text: template.optional(),
    subject: headerText
      .max(100)
      .refine(knownPlaceholders.check, knownPlaceholders.message)
      .optional()
      .describe('Of e-mail, and of e-mail that SNS sends. Default: [Sluice] {pipeline} {event}.'),
    format: z
      .enum(['json', 'teams'])
      .optional()
      .describe(
        'Of a webhook. json (the default): "text", as Slack and others show it, and the facts beside it; teams: an Adaptive Card.',
      ),
  })
  .refine((target) => kinds.filter((kind) => target[kind] !== undefined).length === 1, {
    message: `needs exactly one of ${kinds.join(', ')}`,
  })
  .refine(({ format, webhook: address }) => format === undefined || address !== undefined, {
    path: ['format'],
    message: 'is of webhooks only',
  })
  .refine(({ subject, webhook: address }) => subject === undefined || address === undefined, {
    path: ['subject'],
    message: 'is not of webhooks',
  })
  .meta({ oneOf: kinds.map((kind) => ({ required: [kind] })) });

export type NotifyTarget = z.infer<typeof notifyTarget>;

/** Which kind of target it is. */
export function targetKind(target: NotifyTarget): TargetKind {
  return kinds.find((kind) => target[kind] !== undefined) ?? 'webhook';
}
