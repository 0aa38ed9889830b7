"""Logs and the caller's identity through boto3. Prints what it saw as one JSON object.

Usage: boto3_services.py ENDPOINT_URL LOG_GROUP
"""

import json
import sys

import boto3
from botocore.exceptions import ClientError

url, group = sys.argv[1:]
# Debian 12's boto3 is older than AWS_ENDPOINT_URL.
logs = boto3.client("logs", endpoint_url=url)
sts = boto3.client("sts", endpoint_url=url)


def refused(exception, call, **arguments):
    """The code and status of an error that must be of boto3's own class for it."""
    try:
        call(**arguments)
    except exception as error:
        metadata = error.response["ResponseMetadata"]
        return [error.response["Error"]["Code"], metadata["HTTPStatusCode"], bool(metadata["RequestId"])]
    return None


def pages(name, key, **arguments):
    return [item for page in logs.get_paginator(name).paginate(**arguments) for item in page[key]]


identity = sts.get_caller_identity()
streams = pages("describe_log_streams", "logStreams", logGroupName=group, orderBy="LastEventTime", descending=True)
newest = streams[0]["logStreamName"]
got = logs.get_log_events(logGroupName=group, logStreamName=newest, startFromHead=True)
again = logs.get_log_events(logGroupName=group, logStreamName=newest, nextToken=got["nextForwardToken"], startFromHead=True)
print(
    json.dumps(
        {
            "identity": [identity["Account"], identity["UserId"], identity["Arn"]],
            "groups": [found["logGroupName"] for found in pages("describe_log_groups", "logGroups")],
            "messages": [event["message"] for event in got["events"]],
            "end": [len(again["events"]), again["nextForwardToken"] == got["nextForwardToken"]],
            "filtered": [
                event["message"].split("\t")[-1]
                for event in pages(
                    "filter_log_events",
                    "events",
                    logGroupName=group,
                    filterPattern="greeting",
                    PaginationConfig={"PageSize": 1},
                )
            ],
            "notFound": refused(logs.exceptions.ResourceNotFoundException, logs.describe_log_streams, logGroupName="x"),
            "exists": refused(logs.exceptions.ResourceAlreadyExistsException, logs.create_log_group, logGroupName=group),
            "invalid": refused(ClientError, logs.create_log_group, logGroupName="no spaces"),
            "notBuilt": refused(ClientError, sts.get_federation_token, Name="someone"),
        }
    )
)
