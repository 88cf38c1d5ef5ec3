"""What operators do meanwhile: reloads, kicks, removals, looks at the list; and the checks that run all the time."""

import asyncio
import datetime
import json
import time
import urllib.parse

import http1
from gateway import EVENTS, WITNESS
from ledger import AFTERMATH
from network import Cut, Wrong

# Seconds from one rotation of key and certificate to the next.
ROTATIONS = 30
# Seconds until the witness, whose requests cost nothing, has its answer.
PROMPT = 3
# Seconds until it has said that it lives.
HEALTHY = 5


async def reload(gateway, rng):
    rotation = time.monotonic() + 15
    while True:
        await asyncio.sleep(rng.uniform(1, 6))
        if time.monotonic() < rotation:
            await gateway.reload(rng)
        else:
            rotation = time.monotonic() + ROTATIONS
            await gateway.rotate(rng)


async def intervene(gateway, rng, people):
    """Ends sessions, sends viewers away, and lets them in again."""
    removals = []
    while True:
        await asyncio.sleep(rng.uniform(0.1, 1.5))
        person = rng.choice(people)
        pick = rng.random()
        if pick < 0.3:
            listed = await gateway.ask("GET", "/sessions?limit=1000")
            check_list(gateway, listed)
        elif pick < 0.4:
            await kick(gateway, {"event": rng.choice(rng.choice(list(EVENTS.values())))})
        elif pick < 0.65:
            way = rng.choice(("user", "email", "registration"))
            await kick(gateway, {way: name(person, way)})
        elif pick < 0.85 or not removals:
            way = rng.choice(("user", "email", "registration"))
            until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=rng.randint(6, 15))
            query = {"company": person.company, "event": person.event, way: name(person, way),
                     "until": until.strftime("%Y-%m-%dT%H:%M:%SZ")}
            gateway.ledger.leases.disturb(query[way])
            if made := await gateway.ask("POST", "/removals?" + urllib.parse.urlencode(query)):
                removals.append(made["id"])
                gateway.ledger.count("removals")
        else:
            await gateway.ask("DELETE", f"/removals?id={removals.pop(rng.randrange(len(removals)))}")
            gateway.ledger.count("lifts")


def name(person, way):
    return {"user": person.user, "email": person.email, "registration": person.registration or person.user}[way]


async def kick(gateway, query):
    gateway.ledger.leases.disturb(*query.values())
    if ended := await gateway.ask("DELETE", "/sessions?" + urllib.parse.urlencode(query)):
        gateway.ledger.count("kicks")
        gateway.ledger.count("sessions that kicks ended", ended["total"])


def check_list(gateway, listed):
    """No session is listed under an identity that nobody has."""
    for session in listed["sessions"] if listed else []:
        if (session["company"], session["event"], session["userId"]) not in gateway.ledger.people:
            gateway.ledger.fault("a session of nobody is listed", json.dumps(session))


async def watch_health(gateway, port, path):
    """The gateway says within some seconds that it lives, all the time."""
    while True:
        await asyncio.sleep(0.5)
        try:
            status, _ = await gateway.call("GET", path, port, HEALTHY)
            if status != 200:
                gateway.ledger.fault("it is not healthy", f"{port}{path}: {status}")
        except (OSError, TimeoutError, asyncio.IncompleteReadError, http1.Late) as error:
            if gateway.process.poll() is None:
                gateway.ledger.suspect("it does not say that it is healthy", f"{port}{path}: {error!r}", HEALTHY)
        gateway.ledger.count("health checks")


async def witness(gateway, network):
    """A viewer whom nothing of all this concerns: while the embed host is well, every request is answered."""
    ledger = gateway.ledger
    visit, number, session = ledger.new_visit(WITNESS), 0, None
    while True:
        await asyncio.sleep(0.25)
        number += 1
        # As a backend makes one for each page: over a rotation, with the new key.
        token = gateway.token(WITNESS, gateway.current)
        was_calm, started = ledger.is_calm(), time.monotonic()
        nonce = f"{visit}.{number}.{time.monotonic_ns()}"
        fields = [("X-Nonce", nonce), ("Authorization", f"Bearer {token}"), ("Connection", "close")]
        if session:
            fields.append(("Gateway-Session", session))
        request = http1.Request("GET", f"/event/{WITNESS.event}/plain", fields)
        try:
            async with network.connection("clear", "127.0.0.1", ()) as (reader, writer):
                writer.write(request.head("localhost"))
                answer = await http1.read_answer(reader, "GET")
            took = time.monotonic() - started
            ledger.times.append(took)
            session = answer.value("gateway-session") or session
            failure = f"only after {took:.1f} s" if took > PROMPT else None
            if answer.status != 200:
                failure = f"status {answer.status}"
            # An exchange is looked at again after a second, and ends if its session has become too old meanwhile.
            if answer.status == 401 and took > 1:
                failure = None
            if answer.status == 502 and ledger.take_excuse(nonce):
                failure = None
        except (Cut, Wrong, http1.Late) as error:
            failure = repr(error)
        if failure and was_calm and ledger.is_calm():
            ledger.suspect("a viewer whom nothing concerns was not served", failure,
                           AFTERMATH + time.monotonic() - started)
        ledger.count("requests of the witness" + (" that failed" if failure else ""))
