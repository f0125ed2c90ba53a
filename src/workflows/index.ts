export { trainingPipeline } from './training-pipeline.ts';
export { sweep } from './sweep.ts';
export { instanceSlots } from './instance-slots.ts';
export { retraining } from './retraining.ts';
