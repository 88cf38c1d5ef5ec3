// Sends GET requests at a constant rate, and prints how long their answers took.
//
//     paced PORT CONNECTIONS RATE SECONDS PATH HEADER
//     paced PORT CONNECTIONS RATE SECONDS PATH @FILE
//
// Request number i is due i / RATE seconds after the start, whatever became of those before it. Its time runs from when it
// was due, so a server that stalls is charged for every request that had to wait meanwhile (no coordinated omission).
// The first second is not counted. FILE has a header in each line, and each is sent once, however long that takes.
// Prints: answers, then p50, p99, p99.9 and the longest time, in milliseconds.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { second = 1000000000, room = 16384 };

struct connection {
    int descriptor;
    int64_t due;        // when the request under way should have been sent
    size_t filled;      // bytes of the answer so far
    char answer[room];
};

static void fail(const char *what) {
    fprintf(stderr, "paced: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
    exit(1);
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * second + time.tv_nsec;
}

static int open_connection(int port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    int on = 1;
    if (descriptor < 0 || connect(descriptor, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return descriptor;
}

// Whether the whole answer is there. Ends the program where it is none that it should be.
static bool is_complete(struct connection *connection) {
    char *answer = connection->answer;
    answer[connection->filled] = 0;
    char *end = strstr(answer, "\r\n\r\n");
    if (!end) return false;
    if (strncmp(answer, "HTTP/1.1 200 ", 13) != 0) {
        *strchr(answer, '\r') = 0;
        errno = 0;
        fail(answer);
    }
    char *length = strcasestr(answer, "\r\ncontent-length:");
    if (!length || length > end) { errno = 0; fail("an answer without Content-Length"); }
    return connection->filled >= (size_t)(end + 4 - answer) + strtoul(length + 17, NULL, 10);
}

static int compare(const void *one, const void *other) {
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

struct requests {
    char **texts;
    int64_t count;
};

static void add_request(struct requests *requests, int port, const char *path, const char *header) {
    char **texts = realloc(requests->texts, ((size_t)requests->count + 1) * sizeof *texts);
    if (!texts) fail("memory");
    requests->texts = texts;
    char **text = &texts[requests->count++];
    if (asprintf(text, "GET %s HTTP/1.1\r\nHost: localhost:%d\r\n%s\r\n\r\n", path, port, header) < 0) fail("memory");
}

static struct requests read_requests(int port, const char *path, const char *header) {
    struct requests requests = {0};
    if (*header != '@') {
        add_request(&requests, port, path, header);
        return requests;
    }
    FILE *file = fopen(header + 1, "r");
    if (!file) fail(header + 1);
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, file) > 0) {
        line[strcspn(line, "\n")] = 0;
        add_request(&requests, port, path, line);
    }
    free(line);
    fclose(file);
    return requests;
}

int main(int count, char **arguments) {
    if (count != 7) fail("usage: paced PORT CONNECTIONS RATE SECONDS PATH HEADER");
    int port = atoi(arguments[1]), connection_count = atoi(arguments[2]);
    double rate = atof(arguments[3]), seconds = atof(arguments[4]);
    bool is_list = *arguments[6] == '@';
    struct requests requests = read_requests(port, arguments[5], arguments[6]);
    int64_t total = is_list ? requests.count : (int64_t)(rate * seconds);
    int64_t counted_after = is_list ? 0 : second;
    errno = 0;
    if (connection_count < 1 || total < 1 || (!is_list && seconds <= 1)) fail("nothing to do");
    struct connection *connections = calloc((size_t)connection_count, sizeof *connections);
    int64_t *times = calloc((size_t)total, sizeof *times);
    // A ring, so that each connection gets its turn.
    struct connection **idle = calloc((size_t)connection_count, sizeof *idle);
    if (!connections || !times || !idle) fail("memory");
    int64_t idle_head = 0, idle_tail = 0;
    int poll = epoll_create1(0);
    for (int i = 0; i < connection_count; i++) {
        connections[i].descriptor = open_connection(port);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connections[i]};
        if (epoll_ctl(poll, EPOLL_CTL_ADD, connections[i].descriptor, &event) < 0) fail("epoll_ctl");
        idle[idle_tail++ % connection_count] = &connections[i];
    }
    // Wakes up when it asks to, not up to 50 µs later.
    prctl(PR_SET_TIMERSLACK, 1);

    int64_t start = now() + second / 100, sent = 0, done = 0, recorded = 0;
    while (done < total) {
        int64_t time = now(), due = start + (int64_t)((double)sent * second / rate);
        while (sent < total && due <= time && idle_head < idle_tail) {
            struct connection *connection = idle[idle_head++ % connection_count];
            connection->due = due;
            connection->filled = 0;
            const char *text = requests.texts[sent % requests.count];
            size_t length = strlen(text);
            if (send(connection->descriptor, text, length, MSG_NOSIGNAL) != (ssize_t)length) fail("send");
            sent++;
            due = start + (int64_t)((double)sent * second / rate);
        }
        int64_t wait = sent < total && idle_head < idle_tail ? due - now() : second;
        if (wait < 0) wait = 0;
        struct timespec limit = {.tv_sec = wait / second, .tv_nsec = wait % second};
        struct epoll_event events[128];
        int ready = epoll_pwait2(poll, events, 128, &limit, NULL);
        if (ready < 0 && errno != EINTR) fail("epoll_pwait2");
        if (now() - start > (int64_t)((seconds + 30) * second)) {
            errno = 0;
            fail("the server did not answer in time");
        }
        for (int i = 0; i < ready; i++) {
            struct connection *connection = events[i].data.ptr;
            ssize_t got = recv(
                connection->descriptor, connection->answer + connection->filled, room - 1 - connection->filled, 0);
            if (got <= 0) { if (!got) errno = 0; fail("a connection was closed"); }
            connection->filled += (size_t)got;
            if (!is_complete(connection)) continue;
            if (connection->due >= start + counted_after) times[recorded++] = now() - connection->due;
            idle[idle_tail++ % connection_count] = connection;
            done++;
        }
    }
    if (!recorded) fail("nothing to count");
    qsort(times, (size_t)recorded, sizeof *times, compare);
    double shares[] = {0.5, 0.99, 0.999};
    printf("%lld", (long long)recorded);
    for (int i = 0; i < 3; i++) printf(" %.4f", (double)times[(int64_t)(shares[i] * (double)(recorded - 1))] / 1e6);
    printf(" %.4f\n", (double)times[recorded - 1] / 1e6);
}
