"""CPU time a request: by connections, transport, size of the body and algorithm; and latency at a constant rate."""

import itertools

import load
from bench import PATH
from subjects import ALL, CHECKING, GATEWAY, HAPROXY_JWT

COST = "µs of CPU a request"
TRANSPORTS = {"http1": "HTTP/1.1", "tls": "HTTP/1.1 over TLS 1.3", "h2c": "HTTP/2", "h2": "HTTP/2 over TLS 1.3"}
SCHEMES = {"http1": "http", "tls": "https", "h2c": "h2c", "h2": "h2"}
NAMES = {"page": "100 B", "6k": "6 KB", "48k": "48 KB"}
COLD_TOKENS = 4_000
LATENCY_CONNECTIONS = (64, 1_000)


class Speed:
    """Measures the subjects' work for viewers who have joined with a token of an algorithm."""

    def __init__(self, field, options, results):
        self.field, self.options, self.results = field, options, results
        self.bench = field.bench
        self.paced = load.Paced(field.bench)
        self.tokens = {}
        self.cookies = {}

    def header(self, subject, algorithm):
        """The session cookie for the gateway; the token for the others, which have no sessions."""
        if algorithm not in self.tokens:
            self.tokens[algorithm] = self.bench.keys.token(f"viewer-{algorithm}", algorithm)
        if subject is not GATEWAY:
            return f"Authorization: Bearer {self.tokens[algorithm]}"
        if algorithm not in self.cookies:
            self.cookies[algorithm] = self.bench.join(self.tokens[algorithm])
        return f"Cookie: {self.cookies[algorithm]}"

    def cost(self, processes, subject, transport, connections, file="page", algorithm="HS256"):
        port = subject.port(self.bench, transport, algorithm)
        return load.cost_under_load(
            self.bench, processes[subject.name], f"{SCHEMES[transport]}://127.0.0.1:{port}/event/e1/{file}", connections,
            self.header(subject, algorithm), self.options.seconds)

    def measure(self, part, case, subjects, *arguments):
        """Measures one row with fresh processes."""
        self.cookies.clear()
        with self.field.running(subjects) as processes:
            self.results.measure(
                part, [case], COST, self.field.among(subjects), self.options.rounds,
                lambda subject: [self.cost(processes, subject, *arguments)])

    def connections(self, transport):
        """Measures one transport by the number of connections."""
        counts = self.options.connections
        if transport in ("h2", "h2c"):
            counts = [4, *counts[1:]] if self.options.quick else sorted({*counts, 4})
        for count in counts:
            case = f"{count:,} connection" + "s" * (count > 1)
            if transport in ("h2", "h2c"):
                case += f", {load.streams(count)} stream" + "s" * (load.streams(count) > 1)
            self.measure(TRANSPORTS[transport], case, ALL, transport, count)

    def sizes(self):
        transports, files = (("http1", "h2"), ("48k",)) if self.options.quick else (TRANSPORTS, ("6k", "48k"))
        for transport, file in itertools.product(transports, files):
            self.measure("bodies", f"{NAMES[file]}, {TRANSPORTS[transport]}", ALL, transport, 64, file)

    def algorithms(self):
        """Measures viewers who have joined before, and requests that each bring a new viewer's token."""
        for algorithm in ("HS256", "RS256", "ES256"):
            self.measure("algorithms", f"{algorithm}, known viewer", CHECKING, "http1", 64, "page", algorithm)
        for algorithm in ("HS256", "RS256", "ES256"):
            self.cold(algorithm)

    def cold(self, algorithm):
        batches = itertools.count()
        with self.field.running(CHECKING) as processes:
            def cost(subject):
                tokens = self.bench.keys.tokens(f"cold-{next(batches)}", COLD_TOKENS, algorithm)
                port = subject.port(self.bench, "http1", algorithm)
                return [self.paced.cost_of_tokens(processes[subject.name], port, PATH, tokens, 64)]
            self.results.measure(
                "algorithms", [f"{algorithm}, new viewer each"], COST, self.field.among(CHECKING),
                self.options.rounds, cost)

    def latency(self):
        """Measures latency at one rate for all: half of what HAProxy reaches when it checks tokens."""
        for count in LATENCY_CONNECTIONS:
            self.cookies.clear()
            with self.field.running(ALL) as processes:
                reference = HAPROXY_JWT if HAPROXY_JWT in self.field else GATEWAY
                rate = int(self.cost(processes, reference, "http1", count)[1] / 2)

                def times(subject):
                    made = self.paced.percentiles(
                        subject.port(self.bench, "http1"), count, rate, self.options.seconds + 2, PATH,
                        self.header(subject, "HS256"))
                    return [(time, rate) for time in made]
                cases = [f"{name}, {count:,} connections" for name in ("p50", "p99", "p99.9")]
                self.results.measure(
                    "latency", cases, "ms", self.field.among(ALL), self.options.rounds, times)
