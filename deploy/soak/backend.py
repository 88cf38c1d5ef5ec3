"""A company's backend: creates events by the control API, sends viewers there, and sends them away again."""

import asyncio
import base64
import json
import urllib.parse

import http1
from ledger import Identity
from network import ADDRESSES, Cut
from starvation import SHORT
from viewers import Visit, pay

EXPECTED = {200, 201, 204, 404, 429}
# What is no fault where the driver or the gateway did not get to run.
SLOW = {408, 503, 504}


class Backend:
    def __init__(self, network, gateway, rng):
        self.network, self.gateway, self.rng = network, gateway, rng
        self.ledger = gateway.ledger
        self.token = None

    async def call(self, method, path, body=None, form=None):
        """The JSON of an answer; None if there is none."""
        kind = "application/x-www-form-urlencoded" if form else "application/json"
        fields = [("Content-Type", kind), ("Connection", "close")]
        if self.token and not form:
            fields.append(("Authorization", f"Bearer {self.token}"))
        content = urllib.parse.urlencode(form).encode() if form else None if body is None else json.dumps(body).encode()
        request = http1.Request(method, "/api" + path, fields, content)
        listener = self.rng.choice(("clear", "tls"))
        async with self.network.connection(listener, self.rng.choice(ADDRESSES), ("http/1.1",)) as (reader, writer):
            writer.write(request.head("localhost") + (content or b""))
            text = bytearray()
            answer = await http1.read_answer(reader, method, text.extend)
        kind = "/".join(word for word in path.split("?")[0].split("/") if len(word) < 16)
        self.ledger.count(f"control API: {method} {kind}: {answer.status}")
        if answer.status not in EXPECTED:
            detail = f"{method} {path}: {answer.status} {bytes(text[:300])!r}"
            if answer.status in SLOW:
                self.ledger.suspect("the control API was too slow", detail, stall=SHORT)
            else:
                self.ledger.fault("the control API failed", detail)
        return json.loads(text) if text and answer.status < 300 else None

    async def sign_in(self):
        answer = await self.call("POST", "/oauth/token", form={
            "grant_type": "client_credentials", "client_id": "acme", "client_secret": self.gateway.secrets["acme.client"]})
        self.token = answer and answer["access_token"]

    async def hold_event(self):
        """An event from its creation to its deletion."""
        rng = self.rng
        await self.sign_in()
        if not self.token:
            return
        event = await self.call("POST", "/v1/event/create", {
            "companyId": "acme", "name": "Soak", "timezone": "Europe/Paris", "startDate": "2027-01-15T17:00:00Z",
            "endDate": "2027-01-15T19:00:00Z", "secondJoin": rng.choice(("take_over", "ask", "refuse", None))})
        if not event:
            return
        place = f"/v1/event/{event['uid']}"
        people = []
        for number in range(rng.randint(1, 4)):
            email = f"{rng.getrandbits(64):x}@example.com"
            if number % 2:
                user = {"userId": email, "userName": "Grace", "userEmail": email}
                made = await self.call("POST", f"{place}/embed", user)
                token = made and made["token"]
            else:
                made = await self.call("POST", f"{place}/registrant", {"name": "Ada Löwe", "email": email})
                token = made and urllib.parse.parse_qs(urllib.parse.urlsplit(made["join_url"]).query)["token"][0]
            if token:
                people.append((identity(token), token))
        count = rng.randint(1, 4) if people else 0
        visits = [Visit(self.network, self.gateway, rng, *rng.choice(people)) for _ in range(count)]
        await asyncio.gather(self.change(place, people), *map(pay, visits))
        if rng.random() < 0.8:
            await self.call("DELETE", place)

    async def change(self, place, people):
        """What the organizer of the event does meanwhile."""
        rng = self.rng
        for _ in range(rng.randint(0, 5)):
            await asyncio.sleep(rng.random())
            person = rng.choice(people)[0] if people else None
            way = rng.choice(("analytics", "registrants", "sessions", "patch", "remove", "delete"))
            if person:
                self.ledger.leases.disturb(person.email)
            if way == "patch":
                await self.call("PATCH", place, {"name": f"Soak {rng.random()}"})
            elif way == "remove" and person:
                if removal := await self.call("POST", f"{place}/removals", {"email": person.email}):
                    await asyncio.sleep(rng.random())
                    await self.call("DELETE", f"{place}/removals/{removal['id']}")
            elif way == "delete" and person and person.registration:
                await self.call("DELETE", f"{place}/registrant", {"email": person.email})
            elif way == "sessions":
                self.ledger.leases.disturb(*(one.email for one, _ in people))
                for session in await self.call("GET", f"{place}/sessions") or []:
                    await self.call("DELETE", f"{place}/sessions/{session.get('session', session.get('id'))}")
            elif way in ("analytics", "registrants"):
                await self.call("GET", f"{place}/{way}")


def identity(token):
    """The viewer as a token of the gateway names them."""
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return Identity(claims["companyId"], claims["eventId"], claims["sub"], claims.get("registrationId"),
                    claims.get("name"), claims.get("email"),
                    claims.get("picture"))


async def hold_events_forever(network, gateway, rng):
    while True:
        await asyncio.sleep(rng.random())
        try:
            await Backend(network, gateway, rng).hold_event()
        except (Cut, OSError, asyncio.IncompleteReadError):
            gateway.ledger.count("backends that were cut")
        except http1.Late as error:
            gateway.ledger.suspect("the control API did not answer", str(error), error.waited)
