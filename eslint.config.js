import tseslint from 'typescript-eslint';

/** Which folder may import what: an allow-list. A new package or folder is refused until it is added here. */
const layers = {
  core: { folders: [], packages: 'zod$' },
  workflows: { folders: ['core'], packages: '@temporalio/(workflow|common)$', typesFrom: ['activities'] },
  activities: {
    folders: ['core'],
    packages: '@temporalio/(activity|client)$|node:',
    typesFrom: ['engines', 'registry', 'storage', 'notify'],
  },
  aws: { folders: ['core'], packages: '@aws-sdk/|node:stream$' },
  engines: {
    folders: ['core'],
    packages: 'node:|zod$|tar-stream$|dockerode$',
    typesFrom: ['aws', 'storage'],
  },
  registry: { folders: ['core'], packages: 'node:', typesFrom: ['aws'] },
  storage: { folders: ['core'], packages: 'node:|tar-stream$', typesFrom: ['aws'] },
  codec: { folders: ['core'], packages: 'node:|zod$|@temporalio/(common|proto)$' },
  tracing: { folders: ['core'], packages: 'node:crypto$|@temporalio/(activity|worker)$', typesFrom: ['aws'] },
  notify: { folders: ['core'], packages: 'node:|nodemailer$', typesFrom: ['aws'] },
  temporal: { folders: ['core'], packages: '@temporalio/(client|envconfig)$|node:(fs|net|tls)$' },
  emulator: { folders: ['core'], packages: 'node:|zod$', typesFrom: ['engines', 'storage'] },
};
/** Nobody imports these but each other. */
const roots = [
  'worker',
  'cloud',
  'machine',
  'cli',
  'config',
  'logger',
  'secrets',
  'data-converter',
  'telemetry',
];

const boundary = ([name, { folders, packages, typesFrom = [] }]) => {
  const denied = [
    ...Object.keys(layers)
      .filter((folder) => ![name, ...folders, ...typesFrom].includes(folder))
      .map((folder) => `${folder}/`),
    ...roots.map((root) => `${root}(\\.|/)`),
  ];
  const patterns = [
    { regex: '^(\\./.*\\.\\./|(\\.\\./)+[^.].*/\\.\\./)', message: 'a way round: write the shortest path' },
    { regex: `^(?!\\.|${packages})`, message: `${name}/ may import only the packages ${packages}` },
    {
      regex: `^(\\.\\./)+(${denied.join('|')})`,
      message: `${name}/ may import only ${folders.join(', ') || 'itself'}`,
    },
    ...(typesFrom.length > 0
      ? [
          {
            regex: `^(\\.\\./)+(${typesFrom.join('|')})/`,
            allowTypeImports: true,
            message: `${name}/ may import only types from ${typesFrom.join(', ')}`,
          },
        ]
      : []),
  ];
  return {
    files: [`src/${name}/**/*.ts`],
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns }] },
  };
};

/** Neither time, chance nor the outside world: workflow code is replayed, the core is pure. */
const deterministicGlobals = [
  'process',
  'fetch',
  'performance',
  'Buffer',
  'setImmediate',
  'XMLHttpRequest',
  'WebSocket',
  'require',
  'globalThis',
].map((name) => ({ name, message: 'workflow code and the core reach nothing outside' }));

const everywhere = [
  { selector: 'ExportDefaultDeclaration', message: 'Exports have names.' },
  {
    selector: "CallExpression[callee.object.name='vi'][callee.property.name=/^(mock|doMock)$/]",
    message: 'A fake is a small working program, not a mocked module.',
  },
];
/** Its types and its loading time stay in one file. */
const dockerLibrary = {
  selector: ':matches(ImportDeclaration, ImportExpression)[source.value=/^(dockerode|docker-modem)$/]',
  message: 'The library of the container engine is imported by src/engines/container/client.ts alone.',
};
const awsClient = {
  selector: ':matches(ImportDeclaration, ImportExpression)[source.value=/^@(aws-sdk|smithy)/]',
  message: 'Each AWS client is imported by its file of src/aws.',
};
/** The files of src/aws, and the one client that each imports. */
const awsClients = {
  'cloudwatch-logs': 'client-cloudwatch-logs',
  ecr: 'client-ecr',
  s3: 'client-s3',
  buckets: 'client-s3',
  sagemaker: 'client-sagemaker',
  sns: 'client-sns',
  sts: 'client-sts',
};
const otherAwsClients = (own) => ({
  ...awsClient,
  selector: `:matches(ImportDeclaration, ImportExpression)[source.value=/^@(aws-sdk|smithy)(?![^a-z]${own}$)/]`,
});
const dynamicImport = {
  selector: 'ImportExpression',
  message: 'workflow code and the core import nothing at run time',
};

export default tseslint.config(
  { ignores: ['dist', 'node_modules', '.sluice', 'coverage', 'test-output', 'test/**/fixtures/**/*.js'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/only-throw-error': 'off',
      '@typescript-eslint/use-unknown-in-catch-callback-variable': 'off',
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
      '@typescript-eslint/consistent-type-definitions': ['error', 'interface'],
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      'no-restricted-syntax': ['error', ...everywhere, awsClient, dockerLibrary],
      eqeqeq: 'error',
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
    },
  },
  ...Object.entries(layers).map(boundary),
  {
    files: ['src/worker.ts', 'src/cloud.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^\\./emulator/', message: 'a worker knows nothing of the emulator' }] },
      ],
    },
  },
  {
    files: ['src/core/**/*.ts', 'src/workflows/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', ...deterministicGlobals],
      'no-restricted-syntax': ['error', ...everywhere, awsClient, dockerLibrary, dynamicImport],
    },
  },
  ...Object.entries(awsClients).map(([file, client]) => ({
    files: [`src/aws/${file}.ts`],
    rules: { 'no-restricted-syntax': ['error', ...everywhere, dockerLibrary, otherAwsClients(client)] },
  })),
  {
    files: ['src/engines/container/client.ts'],
    rules: { 'no-restricted-syntax': ['error', ...everywhere, awsClient] },
  },
  {
    files: ['src/core/**/*.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random' },
        { object: 'Date', property: 'now' },
      ],
    },
  },
  { files: ['eslint.config.js', '*.config.ts'], rules: { 'no-restricted-syntax': 'off' } },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      // Flags that change while a test waits.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
);
