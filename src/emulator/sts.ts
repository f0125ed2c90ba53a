import { AwsError } from './aws-error.ts';

const namespace = 'https://sts.amazonaws.com/doc/2011-06-15/';

/** What GetCallerIdentity answers, in the XML of the query protocol. @throws AwsError for any other action. */
export function callerIdentity(action: string, accountId: string, requestId: string): string {
  if (action !== 'GetCallerIdentity')
    throw new AwsError('InvalidAction', `Could not find operation ${action} for version 2011-06-15`);
  return (
    `<GetCallerIdentityResponse xmlns="${namespace}"><GetCallerIdentityResult>` +
    `<Arn>arn:aws:iam::${accountId}:user/emulator</Arn><UserId>AIDAEMULATOR0000000000</UserId><Account>${accountId}</Account>` +
    `</GetCallerIdentityResult><ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></GetCallerIdentityResponse>`
  );
}

export function stsError({ code, message, status }: AwsError, requestId: string): string {
  const escaped = message.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);
  return (
    `<ErrorResponse xmlns="${namespace}"><Error><Type>${status < 500 ? 'Sender' : 'Receiver'}</Type>` +
    `<Code>${code}</Code><Message>${escaped}</Message></Error><RequestId>${requestId}</RequestId></ErrorResponse>`
  );
}
