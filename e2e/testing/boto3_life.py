"""The life of a function through boto3. Prints what it saw as one JSON object.

Usage: boto3_life.py ENDPOINT_URL DIRECTORY, the directory holding first.zip and second.zip.
"""

import base64
import json
import sys
import urllib.request

import boto3
from botocore.exceptions import ClientError

url, directory = sys.argv[1:]
# Debian 12's boto3 is older than AWS_ENDPOINT_URL.
client = boto3.client("lambda", endpoint_url=url)
seen = {}


def code(name):
    with open(f"{directory}/{name}.zip", "rb") as file:
        return file.read()


def create(name, **more):
    settings = {"Runtime": "nodejs26.x", "Handler": "index.handler", "Role": "arn:aws:iam::000000000000:role/any"}
    return client.create_function(FunctionName=name, Code={"ZipFile": code("first")}, **{**settings, **more})


def invoke(name="py-0"):
    answer = client.invoke(FunctionName=name, Payload=b'{"name": "world"}', LogType="Tail")
    return answer, json.load(answer["Payload"])


def refused(exception, call, **arguments):
    """The code and status of an error that must be of boto3's own class for it."""
    try:
        call(**arguments)
    except exception as error:
        metadata = error.response["ResponseMetadata"]
        return f"{error.response['Error']['Code']} {metadata['HTTPStatusCode']}", error.response["Error"]["Message"]
    return "no error", ""


seen["state"] = create("py-0")["State"]
client.get_waiter("function_active_v2").wait(FunctionName="py-0")
answer, seen["payload"] = invoke()
seen["requestId"] = answer["ResponseMetadata"]["RequestId"]
seen["log"] = base64.b64decode(answer["LogResult"]).decode()

location = client.get_function(FunctionName="py-0")["Code"]["Location"]
with urllib.request.urlopen(location) as response:
    seen["downloaded"] = response.read() == code("first")

client.update_function_code(FunctionName="py-0", ZipFile=code("second"))
client.get_waiter("function_updated_v2").wait(FunctionName="py-0")
seen["updated"] = invoke()[1]
client.update_function_configuration(FunctionName="py-0", Environment={"Variables": {"PLANET": "mars"}})
client.get_waiter("function_updated_v2").wait(FunctionName="py-0")
seen["configured"] = invoke()[1]

arn = client.get_function_configuration(FunctionName="py-0")["FunctionArn"]
client.tag_resource(Resource=arn, Tags={"a": "1", "b": "2", "c": "3"})
client.untag_resource(Resource=arn, TagKeys=["b"])
seen["tags"] = client.list_tags(Resource=arn)["Tags"]

create("py-1", Handler="index.missing")
create("py-2")
paginator = client.get_paginator("list_functions")
pages = list(paginator.paginate(PaginationConfig={"PageSize": 2}))
seen["pages"] = len(pages)
seen["names"] = [found["FunctionName"] for page in pages for found in page["Functions"]]

answer, document = invoke("py-1")
seen["functionError"] = [answer.get("FunctionError"), document["errorType"]]

errors = client.exceptions
not_built, message = refused(ClientError, client.list_event_source_mappings)
seen["errors"] = {
    "conflict": refused(errors.ResourceConflictException, create, name="py-0")[0],
    "missing": refused(errors.ResourceNotFoundException, client.get_function, FunctionName="nobody")[0],
    "invalid": refused(ClientError, create, name="py-3", MemorySize=20_000_000)[0],
    "notBuilt": f"{not_built} {'ListEventSourceMappings' if 'ListEventSourceMappings' in message else message}",
}

for name in seen["names"]:
    client.delete_function(FunctionName=name)
seen["left"] = client.list_functions()["Functions"]
print(json.dumps(seen))
