/** Topics of AWS's developer guide, and what else says how SageMaker behaves. */
export const sources = {
  trainingInput: 'AWS: How SageMaker provides training information',
  trainingRun: 'AWS: How SageMaker runs your training image',
  trainingOutput: 'AWS: How SageMaker processes training output',
  trainingStop: 'AWS: StopTrainingJob',
  processing: 'AWS: Build your own processing container',
  processingConfig: 'AWS: How SageMaker configures the processing container',
  processingExit: 'AWS: How SageMaker processes exit codes of processing',
  processingStop: 'AWS: StopProcessingJob',
  processingApi: 'AWS: CreateProcessingJob',
  trainingApi: 'AWS: CreateTrainingJob',
  transformApi: 'AWS: CreateTransformJob',
  transformRun: 'AWS: Use your own inference code with batch transform',
  transformGuide: 'AWS: Batch transform',
  toolkit: 'sagemaker-training-toolkit',
  inferenceToolkit: 'sagemaker-inference-toolkit',
  localMode: "Defects of the SDK's local mode",
  sluice: "Sluice's own promise",
} as const;

/** An issue of aws/sagemaker-python-sdk: what its local mode does wrong. */
export const sdk = (number: number) => `SDK #${number}`;
