export { trainingPipeline } from './training-pipeline.ts';
export { sweep } from './sweep.ts';
export { retraining } from './retraining.ts';
