import { SluiceError } from '../core/errors.ts';

/** Where traces go, in the variables of OpenTelemetry. */
export interface TraceSettings {
  /** Of the receiver of OTLP/HTTP: `http://localhost:4318/v1/traces`. */
  url: string;
  /** What all of them have in common: `service.name` and what else the environment says. */
  resource: Readonly<Record<string, string>>;
}

/** Of headers for the receiver. They may be secrets: read when they are used. */
export const traceHeaders = ['OTEL_EXPORTER_OTLP_TRACES_HEADERS', 'OTEL_EXPORTER_OTLP_HEADERS'] as const;

type Environment = Readonly<Record<string, string | undefined>>;

/** Null: nobody wants traces. @throws SluiceError `InvalidInput` or `Unsupported`. */
export function traceSettings(env: Environment): TraceSettings | null {
  // For all of these variables empty is as good as unset.
  const read = (name: string) => {
    const text = env[name]?.trim();
    return text === '' ? undefined : text;
  };
  const isOff =
    read('OTEL_SDK_DISABLED')?.toLowerCase() === 'true' || read('OTEL_TRACES_EXPORTER') === 'none';
  const base = read('OTEL_EXPORTER_OTLP_ENDPOINT');
  const whole = read('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT');
  if (isOff || (base === undefined && whole === undefined)) return null;
  const protocol = read('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') ?? read('OTEL_EXPORTER_OTLP_PROTOCOL');
  if (protocol === 'grpc')
    throw new SluiceError(
      'Unsupported',
      'The environment: traces are sent by OTLP/HTTP, not by gRPC: set OTEL_EXPORTER_OTLP_PROTOCOL=http/json and name that port of the receiver (4318)',
    );
  const url = whole ?? `${base?.replace(/\/+$/, '') ?? ''}/v1/traces`;
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw new SluiceError(
      'InvalidInput',
      `The environment: OTEL_EXPORTER_OTLP_ENDPOINT must be an http:// or https:// URL, as in http://localhost:4318`,
    );
  const service = read('OTEL_SERVICE_NAME');
  return {
    url,
    resource: {
      'service.name': 'sluice',
      ...parsePairs(read('OTEL_RESOURCE_ATTRIBUTES')),
      ...(service !== undefined && { 'service.name': service }),
    },
  };
}

/** `key=value,key=value`, percent-encoded. What is no pair is left out, as OpenTelemetry has it. */
export function parsePairs(text = ''): Record<string, string> {
  return Object.fromEntries(
    text.split(',').flatMap((pair) => {
      const [key = '', ...value] = pair.split('=');
      return key.trim() === '' || value.length === 0 ? [] : [[key.trim(), decoded(value.join('=').trim())]];
    }),
  );
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
