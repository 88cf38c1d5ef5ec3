#!/usr/bin/env python3
"""Prints the address for a viewer's iframe.

    sign_token.py SECRET_FILE PUBLIC_URL EVENT USER_ID NAME EMAIL
"""
import base64
import hashlib
import hmac
import json
import sys
import time


def part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def embed_url(secret: bytes, public_url: str, event: str, user: str, name: str, email: str) -> str:
    header = {"alg": "HS256", "kid": "acme-2026", "typ": "JWT"}
    claims = {
        "companyId": "acme",
        "event": event,
        "eventSpecific": True,  # False: every event made with the API
        "uid": user,
        "name": name,
        "mail": email,
        "exp": int(time.time()) + 4 * 3600,
    }
    signed = part(json.dumps(header).encode()) + "." + part(json.dumps(claims).encode())
    signature = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    return f"{public_url}/event/{event}?token={signed}.{part(signature)}"


if __name__ == "__main__":
    secret_file, *rest = sys.argv[1:]
    with open(secret_file, "rb") as file:
        print(embed_url(file.read().strip(), *rest))
