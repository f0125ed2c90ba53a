#!/usr/bin/env python3
"""Stands in for `nvidia-container-runtime-hook` on a machine with two GPUs: the engine has its runtime call it when a container is made
whose request asks for GPUs, and tells it which in NVIDIA_VISIBLE_DEVICES. As NVIDIA's it makes the devices in the container; behind
these there is no GPU.
"""
import json
import os
import subprocess
import sys

state = json.load(sys.stdin)
with open(os.path.join(state["bundle"], "config.json")) as file:
    config = json.load(file)
environment = dict(variable.split("=", 1) for variable in config["process"]["env"])
asked = environment["NVIDIA_VISIBLE_DEVICES"]
for number in range(2) if asked == "all" else map(int, asked.split(",")):
    if number > 1:
        sys.exit("nvidia-container-cli: device error: %d: unknown device" % number)
    device = "%s/dev/nvidia%d" % (config["root"]["path"], number)
    subprocess.run(["nsenter", "-t", str(state["pid"]), "-m", "mknod", device, "c", "195", str(number)], check=True)
