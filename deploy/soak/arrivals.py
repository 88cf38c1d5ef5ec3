"""What arrives at the embed host, and the checks of it."""

import base64
import json
import urllib.parse

from leases import DISTURBED
from starvation import SHORT

IDENTITY = "x-gateway-"


class Seen:
    """A request as it arrived, and whose it is."""

    def __init__(self, first, fields):
        self.method, target, _ = first.split(" ")
        self.fields = fields
        parts = urllib.parse.urlsplit(target)
        self.path, self.query = parts.path, dict(urllib.parse.parse_qsl(parts.query))
        self.kind = parts.path.rsplit("/", 1)[-1]
        self.nonce = self.value("x-nonce") or ""
        self.user = urllib.parse.unquote(self.value(IDENTITY + "user-id") or "")

    def value(self, name):
        return next((value for field, value in self.fields if field == name), None)

    def identity(self):
        """The identity fields by name, decoded. Fields that stand there twice have both values."""
        found = {}
        for name, value in self.fields:
            if name.startswith(IDENTITY):
                text = urllib.parse.unquote(value)
                name = name.removeprefix(IDENTITY)
                found[name] = f"{found[name]} AND {text}" if name in found else text
        return found

    @property
    def sent(self):
        """When the client made it, by this machine's clock."""
        return int(self.nonce.split(".")[2]) / 1e9

    @property
    def key(self):
        """What the content of its body and of its answer repeats."""
        return f"{self.nonce}:{self.user}"


def judge(ledger, seen):
    """Compares the identity with that of the visit which the request is from."""
    given = seen.identity()
    where = f"{seen.method} {seen.path} {seen.nonce!r}"
    visit = seen.nonce.partition(".")[0]
    if visit not in ledger.visits:
        ledger.fault("a request that nobody sent reached the embed host", f"{where} as {given}")
        return
    wanted = ledger.visits[visit]
    look_for_secrets(ledger, seen, where)
    if seen.method == "POST":
        if seen.nonce in ledger.unrepeatable:
            ledger.fault("a request that must not be repeated was", where)
        ledger.unrepeatable.add(seen.nonce)
    # What is below extra/ is public or not, as a reload says.
    if seen.path.startswith("/public/") or ("/extra/" in seen.path and not given):
        if given:
            ledger.fault("an identity on a public route", f"{where} as {given}")
        return
    if wanted is None:
        ledger.fault("a request without a valid token reached the embed host", f"{where} as {given}")
        return
    ledger.count("identities compared")
    expected = {"user-id": wanted.user, "user-name": wanted.name, "user-email": wanted.email, "role": "attendee",
                "company": wanted.company, "event": wanted.event}
    expected |= {"registration": wanted.registration, "user-avatar": wanted.avatar}
    expected = {name: value for name, value in expected.items() if value}
    session, assertion = given.pop("session", None), given.pop("assertion", None)
    if given != expected:
        ledger.fault("a viewer with another identity", f"{where} is {given} and should be {expected}")
    if wanted.registration and not ledger.leases.admits(wanted, session, seen.sent):
        ledger.suspect("two sessions of one registration", f"{where}: {session}, {ledger.leases.holders}", DISTURBED, SHORT)
    parts = seen.path.split("/")
    if parts[1] == "event" and urllib.parse.unquote(parts[2]) != wanted.event:
        ledger.fault("a viewer at another event", where)
    if ledger.sessions.setdefault(session, visit) != visit:
        ledger.fault("a session of two visits", f"{where}: {session}, {ledger.sessions[session]}")
    claims = json.loads(base64.urlsafe_b64decode(assertion.split(".")[1] + "=="))
    said = [claims.get(name) for name in ("sub", "registrationId", "eventId", "companyId", "sid")]
    if said != [wanted.user, wanted.registration, wanted.event, wanted.company, session]:
        ledger.fault("an assertion of another identity", f"{where}: {claims}")


def look_for_secrets(ledger, seen, where):
    """No token and no session of a viewer reaches the host."""
    is_foreign = seen.nonce.partition(".")[0] in ledger.foreign
    for name, value in [*seen.fields, ("query", json.dumps(seen.query))]:
        if name == IDENTITY + "assertion":
            continue
        # Where a token's second part begins. Its first letters alone stand in one of 12,000 WebSocket keys too.
        is_token = ".eyJ" in value and not is_foreign
        if is_token or name == "gateway-session" or "gateway-session" in value or "gateway-ticket" in value:
            ledger.fault("a viewer's secret reached the embed host", f"{where}: {name}")
