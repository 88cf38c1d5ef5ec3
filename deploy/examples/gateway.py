#!/usr/bin/env python3
"""A customer's backend: links for viewers, webhooks, and the embed host's check of who is there.

    gateway.py embed EVENT USER_ID NAME              prints the address for an iframe
    gateway.py register EVENT NAME EMAIL             prints the join URL
    gateway.py webhook ID TIME SIGNATURES < BODY     prints type and id of a webhook's message
    gateway.py assertion ASSERTION                   prints a viewer's id, role and event

Python 3.8 or newer, nothing to install. The standard library has no ES256: the check of an assertion starts the openssl
command. Packages such as cryptography or jwcrypto do it without another process.
"""
import base64
import functools
import hashlib
import hmac
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen


def setting(name: str) -> str:
    """What README.md lists: GATEWAY_URL, CLIENT_ID, CLIENT_SECRET, WEBHOOK_SECRET, UPSTREAM."""
    if not os.environ.get(name):
        raise ValueError(f"{name} is not set")
    return os.environ[name]


class GatewayError(Exception):
    """Why the API refused a call: everything that was wrong, one a line."""

    def __init__(self, error: HTTPError):
        try:
            answer = json.load(error)
        except ValueError:
            answer = {}
        self.status, self.code, self.problems = error.code, answer.get("code", "unknown"), answer.get("problems", [])
        wait = error.headers.get("Retry-After", "")
        self.retry_after = int(wait) if wait.isdecimal() else 1
        faults = "".join(f"\n  {one['field']}: {one['message']}" for one in self.problems)
        super().__init__(f"{self.status} {self.code}: "
                         f"{faults or answer.get('errorMessage', 'not an answer of the API')}"
                         f" (request {answer.get('requestId', 'unknown')})")


def post(path: str, body: dict, headers: dict):
    url = f"{setting('GATEWAY_URL')}/api/{path}"
    request = Request(url, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})
    try:
        with urlopen(request, timeout=10) as answer:
            return json.load(answer)
    except HTTPError as error:
        raise GatewayError(error) from None


token, token_ends = "", 0.0


def api_token() -> str:
    global token, token_ends
    if time.monotonic() >= token_ends:
        answer = post("oauth/token", {"grant_type": "client_credentials", "client_id": setting("CLIENT_ID"),
                                      "client_secret": setting("CLIENT_SECRET")}, {})
        token, token_ends = answer["access_token"], time.monotonic() + answer["expires_in"] - 60
    return token


def call(path: str, body: dict):
    """Makes a call, and repeats it when that can help: the key keeps it from having a second effect."""
    global token_ends
    key = str(uuid.uuid4())
    for attempt in (1, 2, 3):
        wait = 1
        try:
            return post(f"v1/{path}", body, {"Authorization": f"Bearer {api_token()}", "Idempotency-Key": key})
        except GatewayError as error:
            if error.code == "unauthorized":  # its secret was withdrawn
                token_ends = 0
            elif error.status != 429 and error.status < 500 and error.code != "call_under_way":
                raise
            wait = error.retry_after
            if attempt == 3 or wait > 5:
                raise
        except (OSError, HTTPException):  # not reached, or no whole answer in time
            if attempt == 3:
                raise
        time.sleep(wait)


def embed_url(event: str, user: dict) -> str:
    """Get Embed: the address for the iframe of a user whom you know: userId, userName, userEmail, userAvatar."""
    return call(f"event/{quote(event, '')}/embed", user)["url"]


def register(event: str, person: dict) -> dict:
    """Register: name, email, metadata. The answer has join_url, to be sent by e-mail, and registrationId."""
    return call(f"event/{quote(event, '')}/registrant", person)


def verify_webhook(id: str, sent: str, signatures: str, body: bytes, secret: str = "") -> dict:
    """The message of a webhook, from its webhook-… headers and the body as it arrived, not parsed."""
    if not sent.isdecimal() or abs(int(time.time()) - int(sent)) > 300:
        raise ValueError("webhook refused: not sent just now")
    secret = secret or setting("WEBHOOK_SECRET")
    key = base64.b64decode(secret[len("whsec_"):] if secret.startswith("whsec_") else secret)
    if len(key) < 24:
        raise ValueError("WEBHOOK_SECRET must be whsec_ and Base64")
    code = hmac.new(key, f"{id}.{sent}.".encode() + body, hashlib.sha256).digest()
    wanted = b"v1," + base64.b64encode(code)
    for signature in signatures.split(" "):  # two while the secret is rotated
        if hmac.compare_digest(signature.encode(), wanted):
            return json.loads(body)
    raise ValueError("webhook refused: no signature is right")


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


keys, keys_fetched = {}, float("-inf")


def gateway_key(id: str):
    """A key of the gateway as DER. An unknown id can be a new key, or forged: asks once a minute at most."""
    global keys, keys_fetched
    if id not in keys and time.monotonic() - keys_fetched >= 60:
        with urlopen(f"{setting('GATEWAY_URL')}/.gateway/jwks.json", timeout=10) as answer:
            keys = {key["kid"]: key for key in json.load(answer)["keys"]}
        keys_fetched = time.monotonic()
    p256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
    return p256 + decoded(keys[id]["x"]) + decoded(keys[id]["y"]) if id in keys else None


def is_signed(key: bytes, signed: bytes, signature: bytes) -> bool:
    """Whether this is the key's ES256 signature."""
    def integer(part: bytes) -> bytes:
        number = int.from_bytes(part, "big")
        return bytes([2, number.bit_length() // 8 + 1]) + number.to_bytes(number.bit_length() // 8 + 1, "big")

    both = integer(signature[:32]) + integer(signature[32:])
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (("key", key), ("signature", bytes([0x30, len(both)]) + both)):
            with open(f"{folder}/{name}", "wb") as file:
                file.write(content)
        command = ["openssl", "dgst", "-sha256", "-keyform", "DER", "-verify", "key", "-signature", "signature"]
        return subprocess.run(command, cwd=folder, input=signed, capture_output=True).returncode == 0


@functools.lru_cache(1024)  # the gateway sends the same one for half a minute
def signed_claims(assertion: str) -> bytes:
    try:
        head, claims, signature = map(decoded, assertion.split("."))
        fields = json.loads(head)
        kind, id = (fields["alg"], fields["typ"]), str(fields["kid"])
    except (ValueError, LookupError, TypeError):
        raise ValueError("assertion refused: malformed") from None
    key = gateway_key(id) if kind == ("ES256", "assertion+jwt") else None
    if not key or len(signature) != 64 or not is_signed(key, assertion.rpartition(".")[0].encode(), signature):
        raise ValueError("assertion refused: not signed by the gateway")
    return claims


def verify_assertion(assertion: str, upstream: str = "") -> dict:
    """The viewer of a request to the embed host, from X-Gateway-Assertion: sub, name, role, eventId, …"""
    viewer = json.loads(signed_claims(assertion))
    if viewer["iss"] != setting("GATEWAY_URL") or viewer["aud"] != (upstream or setting("UPSTREAM")):
        raise ValueError(f"assertion refused: of {viewer['iss']} for {viewer['aud']}")
    if viewer["exp"] <= time.time():
        raise ValueError("assertion refused: expired")
    return viewer


def main(command: str = "", *rest: str) -> str:
    if (command, len(rest)) == ("embed", 3):
        return embed_url(rest[0], {"userId": rest[1], "userName": rest[2]})
    if (command, len(rest)) == ("register", 3):
        return register(rest[0], {"name": rest[1], "email": rest[2]})["join_url"]
    if (command, len(rest)) == ("webhook", 3):
        return "{type} {id}".format(**verify_webhook(*rest, sys.stdin.buffer.read()))
    if (command, len(rest)) == ("assertion", 1):
        return "{sub} {role} {eventId}".format(**verify_assertion(*rest))
    raise ValueError(__doc__)


if __name__ == "__main__":
    try:
        print(main(*sys.argv[1:]))
    except (GatewayError, ValueError, LookupError, OSError, HTTPException) as error:
        sys.exit(str(error))
