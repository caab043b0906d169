"""Verifies recorded posts with the stock Standard Webhooks library: verify.py FILE

FILE is JSON: [{"headers", "body" (base64), "secret", "raw" (whether the secret is used as written)}]. Prints, for each, "accepted",
or the error's name.
"""

import base64
import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

for post in json.load(open(sys.argv[1])):
    secret = post["secret"].encode() if post["raw"] else post["secret"]
    try:
        Webhook(secret).verify(base64.b64decode(post["body"]), post["headers"])
        print("accepted")
    except WebhookVerificationError as error:
        print(type(error).__name__)
