"""An agent: reads one job from stdin, calls the API, prints what came back."""

import base64
import http.client
import json
import sys
import urllib.parse

job = json.load(sys.stdin)
url = urllib.parse.urlsplit(job["url"])
connection = http.client.HTTPConnection(url.hostname, url.port, timeout=job["timeout"])
target = url.path + ("?" + url.query if url.query else "")
connection.request(job["method"], target, job["body"].encode() or None, dict(job["headers"]))
answer = connection.getresponse()
json.dump(
    {
        "status": answer.status,
        "headers": {name.lower(): value for name, value in answer.getheaders()},
        "body": base64.b64encode(answer.read()).decode(),
    },
    sys.stdout,
)
