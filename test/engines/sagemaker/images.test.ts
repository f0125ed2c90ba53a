import { describe, expect, it } from 'vitest';
import { failureOf } from '../../support/folders.ts';
import { frameworkImageUri } from '../../../src/engines/sagemaker/images.ts';

const sklearn = { name: 'sklearn', version: '1.2-1' };

describe("the URI of AWS's own image", () => {
  it.each([
    // Recorded by AWS's examples and the tests of its SDK.
    [
      sklearn,
      'us-west-2',
      '246618743249.dkr.ecr.us-west-2.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3',
    ],
    [
      sklearn,
      'eu-west-1',
      '141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3',
    ],
    [
      { name: 'xgboost', version: '1.7-1' },
      'eu-west-1',
      '141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.7-1',
    ],
    [
      { name: 'xgboost', version: '1.5-1' },
      'ap-southeast-1',
      '121021644041.dkr.ecr.ap-southeast-1.amazonaws.com/sagemaker-xgboost:1.5-1',
    ],
    [
      sklearn,
      'cn-north-1',
      '450853457545.dkr.ecr.cn-north-1.amazonaws.com.cn/sagemaker-scikit-learn:1.2-1-cpu-py3',
    ],
    [
      sklearn,
      'us-gov-west-1',
      '414596584902.dkr.ecr.us-gov-west-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3',
    ],
    [
      sklearn,
      'us-isob-east-1',
      '281123927165.dkr.ecr.us-isob-east-1.sc2s.sgov.gov/sagemaker-scikit-learn:1.2-1-cpu-py3',
    ],
  ])('of %o in %s is %s', (framework, region, uri) => {
    expect(frameworkImageUri(framework, region)).toBe(uri);
  });

  it.each([
    [{ name: 'sklearn', version: '9.9-9' }, 'eu-west-1', /sklearn 9\.9-9 \(it knows .*1\.2-1/],
    [{ name: 'cobol', version: '1' }, 'eu-west-1', /cobol 1 \(it knows sklearn, xgboost\)/],
    [sklearn, 'eu-moon-1', /region eu-moon-1/],
  ])('of %o in %s is not known, and it is said what is', async (framework, region, message) => {
    const failure = await failureOf(Promise.resolve().then(() => frameworkImageUri(framework, region)));
    expect(failure).toMatchObject({ code: 'Unsupported', message: expect.stringMatching(message) });
  });
});
