"""Reads manifests (YAML) from stdin, checks each against Kubernetes' schema of every version that is named, and prints them as JSON.

usage: read_manifests.py VERSION…
"""

import json
import sys

import kubernetes_validate
import yaml

documents = [document for document in yaml.safe_load_all(sys.stdin) if document is not None]
problems = []
for document in documents:
    for version in sys.argv[1:]:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            where = "/".join(str(part) for part in error.path)
            name = f"{document['kind']} {document['metadata']['name']}"
            problems.append(f"{name}, Kubernetes {version}: {where}: {error.message}")
print(json.dumps({"documents": documents, "problems": problems}))
