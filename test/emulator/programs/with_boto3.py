"""What a program with boto3 sees of the emulator. The environment says where it is; each line written is a JSON fact."""

import json
import sys

import boto3
from botocore.exceptions import ClientError

job = json.loads(sys.argv[1])
sagemaker = boto3.client("sagemaker")


def fact(name, value):
    print(json.dumps([name, value], default=str), flush=True)


def refusal(call, **request):
    try:
        call(**request)
    except ClientError as error:
        kind = type(error).__name__
        return [kind, error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]]
    return None


fact("account", boto3.client("sts").get_caller_identity()["Account"])

name = job["TrainingJobName"]
fact("arn", sagemaker.create_training_job(**job)["TrainingJobArn"])
fact("again", refusal(sagemaker.create_training_job, **job))
fact("missing", refusal(sagemaker.describe_training_job, TrainingJobName="missing"))
waiter = sagemaker.get_waiter("training_job_completed_or_stopped")
waiter.wait(TrainingJobName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
described = sagemaker.describe_training_job(TrainingJobName=name)
fact("status", described["TrainingJobStatus"])
fact("year", described["TrainingEndTime"].year)
fact("phases", [stay["Status"] for stay in described["SecondaryStatusTransitions"]])
fact("stop", refusal(sagemaker.stop_training_job, TrainingJobName=name))
fact("tags", sagemaker.list_tags(ResourceArn=described["TrainingJobArn"])["Tags"])

container = {"Image": "sklearn:1.2-1", "ModelDataUrl": described["ModelArtifacts"]["S3ModelArtifacts"]}
for index in range(25):
    sagemaker.create_model(ModelName=f"model-{index}", PrimaryContainer=container, ExecutionRoleArn=job["RoleArn"])
pages = list(sagemaker.get_paginator("list_models").paginate())
fact("pages", [len(page["Models"]) for page in pages])

sagemaker.create_model_package_group(ModelPackageGroupName="abalone")
package = {
    "ModelPackageGroupName": "abalone",
    "InferenceSpecification": {
        "Containers": [container],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    },
}
# boto3 makes a client token of its own for each call.
arns = [sagemaker.create_model_package(**package)["ModelPackageArn"] for _ in range(2)]
fact("packages", arns)
same = [sagemaker.create_model_package(ClientToken="run-1", **package)["ModelPackageArn"] for _ in range(2)]
fact("same", same)
fact("conflict", refusal(sagemaker.create_model_package, ClientToken="run-1", ModelApprovalStatus="Approved", **package))
sagemaker.update_model_package(ModelPackageArn=arns[0], ModelApprovalStatus="Approved")
fact("approval", sagemaker.describe_model_package(ModelPackageName=arns[0])["ModelApprovalStatus"])
