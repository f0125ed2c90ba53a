/** What AWS answers instead of a result: `__type`, `message` and the HTTP status. */
export class AwsError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.name = 'AwsError';
    this.code = code;
    this.status = status;
  }
}

export const validationException = (message: string) => new AwsError('ValidationException', message);
