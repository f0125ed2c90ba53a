import { clientOptions, lazily } from './config.ts';
import { toSluiceError } from './errors.ts';
import { listening, type CallListener } from './listening.ts';

/** A message to a topic, in the words of the service. */
export interface SnsMessage {
  topicArn: string;
  /** ASCII, at most 100 characters. */
  subject: string;
  /** At most 256 KB. */
  message: string;
  /** What subscriptions filter by. */
  attributes: Record<string, string>;
  /** Of FIFO topics only. */
  fifo?: { groupId: string; deduplicationId: string };
}

export interface SnsApi {
  /** @throws SluiceError by the table of `errors.ts`. */
  publish(message: SnsMessage, signal?: AbortSignal): Promise<void>;
}

/** Amazon SNS in the region of each topic, with the credentials and the endpoint that the SDK finds. */
export function createSnsApi(onCall?: CallListener): SnsApi {
  const load = lazily(() => import('@aws-sdk/client-sns'));
  return {
    async publish({ topicArn, subject, message, attributes, fifo }, signal) {
      const { SNSClient, PublishCommand } = await load();
      const client = listening(new SNSClient(clientOptions(topicArn.split(':')[3])), onCall);
      const command = new PublishCommand({
        TopicArn: topicArn,
        Subject: subject,
        Message: message,
        MessageAttributes: Object.fromEntries(
          Object.entries(attributes).map(([name, value]) => [
            name,
            { DataType: 'String', StringValue: value },
          ]),
        ),
        ...(fifo && { MessageGroupId: fifo.groupId, MessageDeduplicationId: fifo.deduplicationId }),
      });
      try {
        signal?.throwIfAborted();
        await client.send(command, { ...(signal && { abortSignal: signal }) });
      } catch (error) {
        signal?.throwIfAborted();
        throw toSluiceError(error, `Publish to ${topicArn}`);
      } finally {
        client.destroy();
      }
    },
  };
}
