"""A viewer's stay: what they ask with which credentials, and whether the answers are theirs."""

import base64
import json
import time
import urllib.parse

from gateway import EVENTS
from http1 import Request
from ledger import AFTERMATH, Identity, pattern
from network import ADDRESSES
from starvation import SHORT

# Statuses of requests that are well-formed and for existing routes.
EXPECTED = {200, 204, 303, 401, 403, 409, 413, 429, 502, 504}
# What is no fault where the driver or the gateway did not get to run: a request that comes too slowly, and event loops so
# late that they refuse new viewers.
SLOW = {408, 503}

# What viewers ask for, and how often.
KINDS = {"plain": 30, "chunked": 12, "slow": 6, "big": 5, "head": 4, "upload": 8, "slow-upload": 3, "early": 2, "trickle": 3,
         "broken": 3, "public": 5, "asset": 5, "extra": 5, "link": 5, "session": 4, "leave": 3, "take-over": 6}


def crowd(count):
    """The people of a run: half of them with a registration."""
    people = []
    for number in range(count):
        company = "globex" if number % 5 == 0 else "acme"
        event = EVENTS[company][number % len(EVENTS[company])]
        registration = f"R-{number}" if number % 2 else None
        people.append(Identity(company, event, f"user-{number}", registration, f"Ada Löwe {number} %41 東",
                               f"viewer.{number}@example.com"))
    return people


class Stay:
    """The requests of one viewer, from joining to whatever ends it."""

    def __init__(self, network, gateway, rng, person, token=None):
        """`token`: by default one by a random key of the person's company."""
        self.network, self.gateway, self.rng, self.person = network, gateway, rng, person
        self.ledger = gateway.ledger
        self.name = self.ledger.new_visit(person)
        self.requests = 0
        self.session = None
        self.cookies = {}
        self.address = rng.choice(ADDRESSES)
        self.listener = rng.choice(("clear", "tls"))
        self.is_http2 = rng.random() < 0.4
        self.uses_cookies = rng.random() < 0.5
        key = rng.choice(gateway.keys(person.company))
        lifetime = rng.choice((7200, 7200, 7200, 8))
        # The gateway's own tokens are from its first key, and from the one that was first before.
        self.token = token or gateway.token(person, key, lifetime, own=key in gateway.signing)
        if token:
            # By whatever key was the first one when the gateway made it, which may have left since.
            key = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))["kid"]
        if key not in (*gateway.signing, "globex-new"):
            self.ledger.foreign.add(self.name)
        else:
            self.ledger.signed[key].add(self.name)
        self.origin = f"http://localhost:{network.ports['clear']}"
        self.authority = f"localhost:{network.ports[self.listener]}"

    def nonce(self):
        """Names a request: whose it is, its number, and when it was made."""
        self.requests += 1
        return f"{self.name}.{self.requests}.{time.monotonic_ns()}"

    def request(self, kind, query=None, method="GET", body_size=None, pieces=0, place=None):
        """A request with the credentials that a client of this kind would send."""
        rng, query, nonce = self.rng, dict(query or {}), self.nonce()
        fields = [("X-Nonce", nonce)]
        has_session = bool(self.cookies if self.uses_cookies else self.session)
        if has_session:
            fields.append(("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
                          if self.uses_cookies else ("Gateway-Session", self.session))
        if not has_session or rng.random() < 0.1:
            if rng.random() < 0.5:
                query[rng.choice(("token", "jwt"))] = self.token
            else:
                fields.append(("Authorization", f"Bearer {self.token}"))
        if method == "POST" and rng.random() < 0.7:
            fields.append(("Origin", self.origin))
        if rng.random() < 0.1:
            fields += [("X-Gateway-User-Id", "mallory"), ("x_gateway_role", "host"), ("X-Gateway-Session", "none")]
        path = (place or f"/event/{self.person.event}/") + kind
        if query:
            path += "?" + urllib.parse.urlencode(query)
        body = None if body_size is None else pattern(f"{nonce}:{self.person.user}", body_size)
        return Request(method, path, fields, body, pieces)

    def choose(self):
        """A request that reads, writes, or asks the gateway itself."""
        rng, ledger = self.rng, self.ledger
        kind = rng.choices(list(KINDS), KINDS.values())[0]
        ledger.count(f"requests: {kind}")
        size = rng.choice((0, 10, 1000, 20_000, 70_000))
        if kind in ("upload", "slow-upload", "early"):
            most = 40_000 if kind == "slow-upload" else 900_000
            return self.request(kind, method="POST", body_size=rng.randint(0, most), pieces=rng.choice((0, 0, 7)))
        if kind == "head":
            return self.request("plain", {"size": size}, method="HEAD")
        if kind == "big":
            return self.request("plain", {"size": rng.randint(100_000, 2_000_000)})
        if kind == "slow":
            return self.request("slow", {"wait": rng.random(), "size": size})
        if kind == "trickle":
            return self.request("trickle", {"size": rng.randint(0, 50_000)})
        if kind == "public":
            return self.request("plain", {"size": size}, place="/public/")
        if kind == "asset":
            return self.request("plain", {"size": size}, place="/assets/")
        if kind == "extra":
            return self.request("plain", {"size": size}, place=f"/event/{self.person.event}/extra/")
        if kind == "link":
            request = self.request("plain", {"size": size})
            request.fields += [("Accept", "text/html"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe")]
            return request
        if kind == "session":
            return self.request("session", place="/.gateway/")
        if kind in ("leave", "take-over"):
            if kind == "leave":
                ledger.leases.disturb(self.person.user)
            to = {"to": f"/event/{self.person.event}/plain"} if kind == "take-over" else {"event": self.person.event}
            return self.request(kind, to, method="POST", body_size=0, place="/.gateway/")
        return self.request(kind, {"size": size})

    def follow(self, request, answer):
        """The request that a browser sends next; None if the answer is no redirect."""
        location = answer.value("location")
        if answer.status != 303 or not location:
            return None
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        kept = [field for field in request.fields if field[0] in ("Accept", "Sec-Fetch-Mode", "Sec-Fetch-Dest")]
        return Request("GET", location, [("X-Nonce", self.nonce()), ("Cookie", cookies), *kept])

    def take_session(self, answer):
        self.session = answer.value("gateway-session") or self.session
        for line in answer.values("set-cookie"):
            name, _, value = line.split(";")[0].partition("=")
            self.cookies[name] = value
            if "Max-Age=0" in line:
                del self.cookies[name]

    def take(self, request, answer):
        """Compares the answer with what was asked, and with who asked."""
        ledger, status = self.ledger, answer.status
        path, _, query = request.path.partition("?")
        kind = path.rsplit("/", 1)[-1]
        code = ""
        if answer.body.startswith(b"{") and "problem+json" in (answer.value("content-type") or ""):
            code = json.loads(answer.body).get("code", "")
        ledger.count(f"viewers: {status} {code}".strip())
        self.take_session(answer)
        if status in (401, 403, 409) and self.rng.random() < 0.5:
            # Joins anew.
            self.session = None
            self.cookies.clear()
        where = f"{self.name} {request.method} {path}: {status} {code}"
        if status in SLOW:
            ledger.suspect("a viewer got an answer that only a stall explains", f"{where} {answer.body[:200]!r}",
                           stall=SHORT)
        elif status not in EXPECTED:
            ledger.fault("a viewer got an answer that nothing explains", f"{where} {answer.body[:200]!r}")
        elif status in (502, 504) and ledger.is_calm() and kind != "early" and (request.method != "POST" or status == 504):
            if not ledger.take_excuse(dict(request.fields)["X-Nonce"]):
                ledger.suspect("a request that was safe to retry failed", where, AFTERMATH)
        seen = answer.value("x-seen")
        if not seen or status != 200:
            if status == 200 and "/.gateway/" not in path and request.method != "HEAD":
                ledger.fault("a viewer got an answer that is not the embed host's", f"{where} {answer.body[:200]!r}")
            if path == "/.gateway/session" and status == 200:
                own = json.loads(answer.body)
                if (own["userId"], own["event"]) != (self.person.user, self.person.event):
                    ledger.fault("a viewer is told of another session", f"{where} {own}")
            return
        nonce, user, registration, event, session = json.loads(seen)
        sent = dict(request.fields)["X-Nonce"]
        is_public = path.startswith("/public/") or ("/extra/" in path and user is None)
        wanted = [sent] + ([None] * 3 if is_public else [self.person.user, self.person.registration, self.person.event])
        if [nonce, user, registration, event] != wanted:
            ledger.fault("a viewer got another one's answer", f"{where}: {seen}, wanted {wanted}")
        if not is_public and ledger.sessions.get(session) != self.name:
            ledger.fault("a viewer got an answer to another session", f"{where}: {session}")
        size = urllib.parse.parse_qs(query).get("size")
        if size and request.method != "HEAD":
            key = f"{sent}:{user or ''}"
            if answer.body != pattern(key, int(size[0])):
                ledger.fault("a viewer got another body", f"{where}: {answer.body[:100]!r}, {len(answer.body)} of {size[0]}")
        elif kind in ("upload", "slow-upload"):
            said = json.loads(answer.body)
            if said != {"good": True, "size": len(request.body)}:
                ledger.fault("an upload arrived differently", f"{where}: {said}, sent {len(request.body)}")
