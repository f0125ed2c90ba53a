import { comparisons } from '../core/gate.ts';
import { defaultText, fillIn, type LinkedNotification } from '../core/notification.ts';

const maxTextLength = 4000;

/**
 * What the Workflows of Microsoft Teams take ("When a Teams webhook request is received"): Adaptive Cards only. Text goes into
 * runs of text, which know no Markdown: a message has no links but ours.
 */
export function teamsMessage(template: string | undefined, notification: LinkedNotification): object {
  const { url, metric } = notification;
  const text = fillIn(template ?? defaultText({ ...notification, url: null }), notification);
  const facts = metric && [
    { title: metric.name, value: String(metric.value ?? 'not known') },
    { title: 'asked for', value: `${comparisons[metric.comparison].symbol} ${metric.threshold}` },
  ];
  const content = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.4',
    body: [
      ...text
        .slice(0, maxTextLength)
        .split('\n')
        .map((line) => ({
          type: 'RichTextBlock',
          inlines: [{ type: 'TextRun', text: line === '' ? ' ' : line }],
        })),
      ...(facts ? [{ type: 'FactSet', facts }] : []),
    ],
    actions: url === null ? [] : [{ type: 'Action.OpenUrl', title: 'Open the run', url }],
  };
  const attachment = { contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content };
  return { type: 'message', attachments: [attachment] };
}
