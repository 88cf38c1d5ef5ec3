"""Shows the gateway's pages to html5lib, strictly, and to axe-core in Chromium, and prints what they find."""

import argparse
import asyncio
import base64
import concurrent.futures
import contextlib
import datetime
import hashlib
import hmac
import html
import http.client
import http.server
import itertools
import json
import os
import pathlib
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time

import html5lib

from processes import free_ports

LANGUAGES = ["en", "de", "es", "fr", "ja", "pt"]
NAVIGATION = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
FRAME = NAVIGATION | {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "cross-site"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
TOKEN = "an operator's token, long enough"

CONFIGURATION = """
public_url = "http://localhost:{port}"
[[listener]]
address = "127.0.0.1:{port}"
[admin]
address = "127.0.0.1:{admin}"
token_file = "{folder}/admin.token"
[[upstream]]
name = "embed-host"
servers = ["127.0.0.1:{host}"]
[[upstream]]
name = "late"
servers = ["127.0.0.1:{host}"]
response_timeout = "200ms"
[[upstream]]
name = "nobody"
servers = ["127.0.0.1:1"]
[[route]]
path = "/event/{{event}}/**"
upstream = "embed-host"
access = "token"
[[route]]
path = "/networking/{{event}}/**"
upstream = "embed-host"
access = "token"
[[route]]
path = "/slow"
upstream = "late"
access = "public"
[[route]]
path = "/down"
upstream = "nobody"
access = "public"
[[route]]
path = "/api/**"
upstream = "control"
access = "public"
[[company]]
id = "acme"
event_ids = ["e*"]
embed_origins = ["https://www.acme.example"]
client_secret_file = "{folder}/client"
[company.page]
name = "Acme & Söhne"
logo = "{folder}/logo.svg"
accent = "#1d4ed8"
contact = "help@acme.example"
home = "https://www.acme.example/events"
[[company.key]]
id = "key"
algorithm = "HS256"
secret_file = "{folder}/key"
[sessions]
cookie_key_file = "{folder}/cookie.key"
second_join = "ask"
cookieless = true
[identity]
assertion_key_file = "{folder}/assertion.key"
[limits]
joins_per_minute = 0
failures_per_minute = 3
trusted_proxies = ["127.0.0.0/8"]
deny = ["192.0.2.0/24"]
{limits}
[control]
enabled = true
database = "{folder}/gateway.sqlite"
webhook_private_addresses = ["127.0.0.0/8"]
[log]
access = false
"""


def ask(port, path, fields=(), method="GET", body=None):
    """Status, fields and text of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body, dict(fields))
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode()
    finally:
        connection.close()


def target(address):
    """Path and query of an address."""
    return re.sub("^https?://[^/]+", "", address)


class EmbedHost(http.server.BaseHTTPRequestHandler):
    """Answers anything, but one path not at once."""

    def do_GET(self):
        if self.path == "/slow":
            time.sleep(3)
        try:
            self.send_response(200)
            self.end_headers()
        except OSError:
            pass

    do_POST = do_GET

    def log_message(self, *_):
        pass


class Gateway:
    """The program with a company that has a look, and an embed host."""

    def __init__(self, program, limits=""):
        self.folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(self.folder.name)
        self.port, self.admin = free_ports("viewers", "admin").values()
        self.host = http.server.ThreadingHTTPServer(("127.0.0.1", 0), EmbedHost)
        threading.Thread(target=self.host.serve_forever, daemon=True).start()
        self.hook = f"http://127.0.0.1:{self.host.server_port}/hook"
        self.key, self.client = secrets.token_urlsafe(48), secrets.token_urlsafe(32)
        files = {
            "key": self.key,
            "client": self.client,
            "admin.token": TOKEN,
            "logo.svg": '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="30"><path d="M0 0h90v30H0z"/></svg>',
            "gateway.conf": CONFIGURATION.format(
                port=self.port, admin=self.admin, host=self.host.server_port, folder=folder, limits=limits
            ),
        }
        for name, text in files.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o600)
        self.log = open(folder / "log", "wb")
        self.process = subprocess.Popen(
            [program, "run", folder / "gateway.conf"], stdout=subprocess.DEVNULL, stderr=self.log
        )
        deadline = time.monotonic() + 30
        while True:
            try:
                if ask(self.admin, "/healthz")[0] == 200:
                    break
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                sys.exit(f"the gateway does not serve:\n{(folder / 'log').read_text()}")
            time.sleep(0.05)
        self.addresses = itertools.count(256)
        self.access = None

    def end(self):
        # Twice: nobody waits for a drain here.
        for number in (signal.SIGTERM, signal.SIGINT):
            self.process.send_signal(number)
        self.process.wait(30)
        self.host.shutdown()

    def token(self, event="e1", registration=None, **more):
        def encoded(part):
            return base64.urlsafe_b64encode(part).rstrip(b"=")

        now = int(time.time())
        registration = registration or secrets.token_hex(8)
        claims = {"sub": registration, "companyId": "acme", "eventId": event, "name": "Ada", "exp": now + 3600}
        claims |= {"registrationId": registration, **more}
        head = encoded(json.dumps({"alg": "HS256", "kid": "key"}).encode()) + b"." + encoded(json.dumps(claims).encode())
        return (head + b"." + encoded(hmac.new(self.key.encode(), head, hashlib.sha256).digest())).decode()

    def ask(self, path, language, fields=NAVIGATION, method="GET", address=None, **more):
        """Each time from another address, since bad tokens are counted."""
        number = next(self.addresses)
        address = address or f"10.0.{number >> 8}.{number & 255}"
        fields = dict(fields) | {"Accept-Language": language, "X-Forwarded-For": address} | more
        return ask(self.port, path, fields, method)

    def visit(self, path, language="en"):
        """Opens a page as a browser does, with its cookie. The last answer, and the cookie as a field."""
        fields, status = dict(NAVIGATION), 303
        while status == 303:
            status, answer, text = self.ask(path, language, fields)
            path = target(answer["Location"] or "")
            if answer["Set-Cookie"]:
                fields["Cookie"] = answer["Set-Cookie"].split(";")[0]
        return (status, answer, text), {"Cookie": fields.get("Cookie", "")}

    def session(self):
        """A new viewer's cookie, and their token."""
        token = self.token()
        return self.visit(f"/event/e1?token={token}")[1], token

    def call(self, method, path, body=None):
        """The answer of the control API."""
        fields = {"Content-Type": "application/json"}
        if not self.access:
            login = {"client_id": "acme", "client_secret": self.client, "grant_type": "client_credentials"}
            text = ask(self.port, "/api/oauth/token", fields, "POST", json.dumps(login))[2]
            self.access = json.loads(text)["access_token"]
        fields["Authorization"] = f"Bearer {self.access}"
        status, _, text = ask(self.port, f"/api/v1{path}", fields, method, json.dumps(body) if body else None)
        if status >= 300:
            sys.exit(f"{method} {path}: {status} {text}")
        return json.loads(text) if text else None

    @staticmethod
    def date(hours):
        """So many hours from now."""
        return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours)).isoformat()

    def event(self, start, end, **more):
        """A new event whose dates are so many hours from now, and the target of a registration's link."""
        body = {"companyId": "acme", "name": "Frühling <2027>", "timezone": "Europe/Berlin", **more}
        body |= {"startDate": self.date(start), "endDate": self.date(end)}
        uid = self.call("POST", "/event/create", body)["uid"]
        registered = self.call("POST", f"/event/{uid}/registrant", {"name": "Ann", "email": "ann@x.example"})
        return uid, target(registered["join_url"])


class Refusals:
    """Brings about each refusal that a person can meet, by its code. The result is the page that tells of it."""

    def __init__(self, gateway, full):
        """`full`: a gateway without memory for anyone new."""
        now, deadline = int(time.time()), time.monotonic() + 20
        self.gateway = gateway
        while full.ask("/down", "en")[0] != 503 and time.monotonic() < deadline:
            time.sleep(0.05)
        _, early_link = gateway.event(24, 26, doorsOpen=5)
        over, over_link = gateway.event(-4, 2)
        gateway.call("PATCH", f"/event/{over}", {"endDate": gateway.date(-2), "doorsClose": 0})
        removed, removed_link = gateway.event(-1, 2)
        gateway.call("POST", f"/event/{removed}/removals", {"email": "ann@x.example"})
        gone, gone_link = gateway.event(-1, 2)
        for person in gateway.call("GET", f"/event/{gone}/registrants"):
            gateway.call("DELETE", f"/event/{gone}/registrant/{person['registrationId']}")
        page, token = gateway.ask, gateway.token
        self.cases = [
            ("token_missing", lambda l: page("/event/e1", l)),
            ("token_invalid", lambda l: page("/event/e1?token=a.b.c", l)),
            ("token_expired", lambda l: page(f"/event/e1?token={token(exp=now - 3600)}", l)),
            ("token_not_yet_valid", lambda l: page(f"/event/e1?token={token(nbf=now + 3600)}", l)),
            ("token_conflict", lambda l: page(f"/event/e1?token={token()}&jwt={token()}", l)),
            ("wrong_event", lambda l: page(f"/event/e2?token={token()}", l)),
            ("cookies_blocked", lambda l: self.blocked(l, NAVIGATION)),
            ("cookies_blocked", lambda l: self.blocked(l, FRAME | {"Referer": "https://www.acme.example/"})),
            ("frame_denied", lambda l: page(f"/event/e1?token={token()}", l, FRAME, Referer="https://evil.example/")),
            ("origin_denied", self.foreign),
            ("forbidden", lambda l: page("/event/e1", l, address="192.0.2.1")),
            ("registration_removed", lambda l: page(gone_link, l)),
            ("viewer_removed", lambda l: page(removed_link, l)),
            ("not_open", lambda l: page(early_link, l)),
            ("event_over", lambda l: page(over_link, l)),
            ("already_active", lambda l: gateway.visit(f"/event/e1?token={gateway.session()[1]}", l)[0]),
            ("session_replaced", self.replaced),
            ("too_many_joins", self.guesses),
            ("try_again", lambda l: full.visit(f"/event/e1?token={full.token()}", l)[0]),
            ("upstream_unavailable", lambda l: page("/down", l)),
            ("upstream_timeout", lambda l: page("/slow", l)),
            ("bad_request", lambda l: page("/event/%2e%2e/x", l)),
            ("not_found", lambda l: page("/.gateway/nothing", l)),
            ("header_too_large", lambda l: page("/event/e1", l, **{f"X-{n}": "1" for n in range(120)})),
        ]

    def blocked(self, language, fields):
        """Comes back from the first redirect without the cookie."""
        moved = self.gateway.ask(f"/event/e1?token={self.gateway.token()}", language, fields)[1]["Location"]
        return self.gateway.ask(target(moved), language, fields)

    def foreign(self, language):
        cookie, _ = self.gateway.session()
        return self.gateway.ask("/event/e1", language, NAVIGATION | cookie, "POST", Origin="https://evil.example")

    def replaced(self, language):
        cookie, token = self.gateway.session()
        self.gateway.ask("/.gateway/take-over", language, {"Authorization": f"Bearer {token}"}, "POST")
        return self.gateway.ask("/event/e1", language, NAVIGATION | cookie)

    def guesses(self, language):
        for _ in range(4):
            answer = self.gateway.ask("/event/e1?token=a.b.c", language, address="198.51.100.1")
        return answer


class Demo:
    """`gateway demo`: a company's site, and its events."""

    def __init__(self, program):
        self.folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            [program, "demo", "--port", "0", "--gateway-port", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"TMPDIR": self.folder.name},
        )
        said = ""
        for line in self.process.stdout:
            said += line
            if "Below: " in line:
                break
        # What follows must not fill the pipe.
        threading.Thread(target=self.process.stdout.read, daemon=True).start()
        self.site = re.search(r"http://(acme\.localhost:\d+)", said)[1]

    def get(self, path, fields=(), method="GET", body=None):
        fields = {"Host": self.site, "Origin": f"http://{self.site}"} | dict(fields)
        return ask(int(self.site.split(":")[1]), path, fields, method, body)

    def pages(self):
        """Name, address and text of each page."""
        text = self.get("/")[2]
        person = re.search(r'name="person"[^>]*value="([^"]+)"|value="([^"]+)"[^>]*name="person"', text)
        answer = self.get("/sign-in", FORM, "POST", f"person={person[1] or person[2]}")
        cookie = {"Cookie": answer[1]["Set-Cookie"].split(";")[0]}
        yield "sign-in", f"http://{self.site}/", text
        text = self.get("/", cookie)[2]
        yield "events", f"http://{self.site}/", text
        event = re.search(r'href="(/event/[0-9a-f-]+)"', text)[1]
        text = self.get(event, cookie)[2]
        yield "event", f"http://{self.site}{event}", text
        live = re.search(r'src="http://(live\.acme\.localhost:\d+)(/[^"]*)"', text)
        port, place = int(live[1].split(":")[1]), live[2].replace("&amp;", "&")
        fields, status = NAVIGATION | {"Host": live[1]}, 303
        while status == 303:
            status, answer, text = ask(port, place, fields)
            place = target(answer["Location"] or "")
            if answer["Set-Cookie"]:
                fields["Cookie"] = answer["Set-Cookie"].split(";")[0]
        yield "embed host", f"http://{live[1]}/", text

    def end(self):
        self.process.terminate()
        self.process.wait(30)


CONSOLE = {"", "sessions", "sessions/remove", "removals", "companies", "companies/one", "companies/event"}
CONSOLE |= {"companies/webhook", "upstreams", "configuration", "log"}


def console_pages(gateway):
    """Name, address, text and cookie of each page that a link leads to."""
    base = f"http://127.0.0.1:{gateway.admin}"
    yield "sign-in", f"{base}/console/sign-in", ask(gateway.admin, "/console/sign-in", NAVIGATION)[2], None
    fields = FORM | {"Sec-Fetch-Site": "same-origin"}
    answer = ask(gateway.admin, "/console/sign-in", fields, "POST", "token=" + TOKEN.replace(" ", "+"))
    cookie = answer[1]["Set-Cookie"].split(";")[0]
    places, seen = ["/console/"], set()
    while places:
        place = places.pop(0)
        name = place.split("?")[0].removeprefix("/console/")
        if name in seen:
            continue
        seen.add(name)
        text = ask(gateway.admin, place, NAVIGATION | {"Cookie": cookie})[2]
        yield name or "overview", base + place, text, cookie
        places += [html.unescape(link) for link in re.findall(r'<a [^>]*href="(/console/[^"]*)"', text)]
    if CONSOLE - seen:
        sys.exit(f"no link leads to these pages of the console: {CONSOLE - seen}")


class Page:
    """A page, and what is wrong with it."""

    def __init__(self, name, url, text, cookie=None, is_served=False, shows_all=False):
        """The browser opens the address, for what the page loads (`is_served`), or is shown the text there, without
        scripts, and with all that they could show (`shows_all`)."""
        self.name, self.url, self.text, self.cookie = name, url, text, cookie
        self.is_served, self.shows_all = is_served, shows_all
        self.faults = []

    def parse(self):
        if "<html" not in self.text:
            self.faults.append(f"no page: {self.text[:200]!r}")
            return
        try:
            html5lib.HTMLParser(strict=True).parse(self.text)
        except html5lib.html5parser.ParseError:
            parser = html5lib.HTMLParser()
            parser.parse(self.text)
            for (line, column), error, _ in parser.errors:
                found = self.text.split("\n")[line - 1][max(0, column - 60) : column + 20]
                self.faults.append(f"html5lib: {error} at {line}:{column}: {found}")


async def use(pages, axe):
    """Opens pages in Chromium, and notes what axe-core finds."""
    import websockets

    script = pathlib.Path(axe).read_text()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = subprocess.Popen(
            ["/usr/bin/chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
            + ["--no-first-run", "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            place = pathlib.Path(profile) / "DevToolsActivePort"
            deadline = time.monotonic() + 60
            while not place.exists() or len(place.read_text().split()) < 2:
                if browser.poll() is not None or time.monotonic() > deadline:
                    sys.exit("Chromium does not start")
                time.sleep(0.05)
            port, path = place.read_text().split()
            async with websockets.connect(f"ws://127.0.0.1:{port}{path}", max_size=None) as connection:
                await audit(pages, script, Protocol(connection))
        finally:
            browser.terminate()
            browser.wait(30)


class Protocol:
    """Chromium's DevTools protocol."""

    def __init__(self, connection):
        self.connection, self.number, self.session = connection, 0, None

    async def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        await self.connection.send(json.dumps(message))
        while True:
            answer = json.loads(await asyncio.wait_for(self.connection.recv(), 60))
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    async def evaluate(self, script):
        result = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(json.dumps(result["exceptionDetails"])[:500])
        return result["result"].get("value")


async def audit(pages, script, protocol):
    target = await protocol.call("Target.createTarget", url="about:blank")
    attached = await protocol.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
    protocol.session = attached["sessionId"]
    await protocol.call("Page.enable")
    shown = None
    for page in pages:
        if page.cookie:
            name, value = page.cookie.split("=", 1)
            await protocol.call("Network.setCookie", name=name, value=value, url=page.url)
        if page.is_served or page.url != shown:
            frame = (await protocol.call("Page.navigate", url=page.url))["frameId"]
            while await protocol.evaluate("document.readyState") != "complete":
                await asyncio.sleep(0.01)
            await protocol.evaluate(script + ";0")
        shown = page.url
        if not page.is_served:
            text = re.sub("<script>.*?</script>", "", page.text, flags=re.DOTALL)
            text = text.replace(" hidden>", ">") if page.shows_all else text
            await protocol.call("Page.setDocumentContent", frameId=frame, html=text)
        found = await protocol.evaluate(
            "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations.map((one) =>"
            " `${one.id}: ${one.help}: ${one.nodes.map(({ html }) => html.slice(0, 160)).slice(0, 3).join(' ')}`))"
        )
        page.faults += [f"axe-core: {fault}" for fault in found]


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--program", required=True)
    options.add_argument("--axe", help="axe-core's script")
    options = options.parse_args()
    start = time.monotonic()
    with contextlib.ExitStack() as stack:

        def ended(one):
            stack.callback(one.end)
            return one

        gateway = ended(Gateway(options.program))
        full = ended(Gateway(options.program, 'memory_limit = "1MiB"'))
        demo = ended(Demo(options.program))
        pages, for_axe, threads = [], [], concurrent.futures.ThreadPoolExecutor(len(LANGUAGES))
        origin = f"http://localhost:{gateway.port}/.gateway/healthz"
        refusals = Refusals(gateway, full)
        for place, (code, bring_about) in enumerate(refusals.cases):
            for language, (_, _, text) in zip(LANGUAGES, threads.map(bring_about, LANGUAGES)):
                page = Page(f"{code} ({language})", origin, text, shows_all=True)
                if code not in text or f'lang="{language}"' not in text:
                    page.faults.append(f"another page: {text[-600:]!r}")
                pages.append(page)
                # The markup hardly differs by language.
                if language == LANGUAGES[0] or place == 0:
                    for_axe.append(page)
        _, link = gateway.event(-1, 2)
        gateway.visit(link)
        gateway.call("POST", "/webhooks", {"eventType": "event.created", "endpoint": gateway.hook})
        documents = [Page("API", f"http://localhost:{gateway.port}/api/docs", ask(gateway.port, "/api/docs")[2])]
        documents += [Page(f"demo: {name}", url, text) for name, url, text in demo.pages()]
        documents += [Page(f"console: {n}", u, t, c, is_served=True) for n, u, t, c in console_pages(gateway)]
        for page in pages + documents:
            page.parse()
        if options.axe:
            asyncio.run(use(for_axe + documents, options.axe))
    faults = [f"{page.name}: {fault}" for page in pages + documents for fault in page.faults]
    print("\n".join(faults), end="\n" if faults else "")
    used = f"{len(for_axe + documents)} by axe-core" if options.axe else "none by axe-core"
    print(f"{len(pages + documents)} pages read by html5lib, {used}, {len(faults)} faults, {time.monotonic() - start:.0f} s")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
