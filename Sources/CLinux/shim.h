#ifndef EMBED_GATEWAY_CLINUX_SHIM_H
#define EMBED_GATEWAY_CLINUX_SHIM_H

// Linux calls for the transport. Swift's Glibc module has neither epoll nor eventfd.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

// Each function below returns minus errno if the call fails. Swift must read the number from the same call, because the
// runtime may change errno between two calls.
#define GATEWAY_RESULT(call)                                                                                           \
    do {                                                                                                               \
        long result_ = (long)(call);                                                                                   \
        return result_ < 0 ? -errno : result_;                                                                         \
    } while (0)

// An epoll event is a packed struct with a union, which Swift reads byte by byte.
static inline uint64_t gateway_epoll_key(const struct epoll_event *event) { return event->data.u64; }
static inline uint32_t gateway_epoll_readiness(const struct epoll_event *event) { return event->events; }

static inline long gateway_epoll_control(int epoll, int operation, int descriptor, uint32_t readiness, uint64_t key) {
    struct epoll_event event = {.events = readiness, .data.u64 = key};
    GATEWAY_RESULT(epoll_ctl(epoll, operation, descriptor, &event));
}

static inline long gateway_epoll_wait(int epoll, struct epoll_event *events, int count, int milliseconds) {
    GATEWAY_RESULT(epoll_wait(epoll, events, count, milliseconds));
}

static inline long gateway_epoll_create(void) { GATEWAY_RESULT(epoll_create1(EPOLL_CLOEXEC)); }
static inline long gateway_eventfd(void) { GATEWAY_RESULT(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)); }

static inline long gateway_receive(int socket, void *bytes, size_t count) {
    GATEWAY_RESULT(recv(socket, bytes, count, MSG_DONTWAIT));
}

static inline long gateway_send(int socket, const void *bytes, size_t count, int more) {
    GATEWAY_RESULT(send(socket, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL | (more ? MSG_MORE : 0)));
}

// In C because the two vectors, and the message that points at them, must be locals of one call.
static inline long gateway_send_two(int socket, const void *first, size_t firstCount, const void *second,
                                    size_t secondCount) {
    struct iovec vectors[2] = {{(void *)first, firstCount}, {(void *)second, secondCount}};
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = 2};
    GATEWAY_RESULT(sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
}

// The C library declares these only for its GNU dialect.
extern int accept4(int, struct sockaddr *, socklen_t *, int);
extern int pthread_setname_np(pthread_t, const char *);

static inline long gateway_accept(int socket, struct sockaddr_storage *address, socklen_t *length) {
    *length = sizeof *address;
    GATEWAY_RESULT(accept4(socket, (struct sockaddr *)address, length, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

// In Swift, SOCK_STREAM is an enumeration case with its own type.
static inline long gateway_socket(int family) {
    GATEWAY_RESULT(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

static inline long gateway_connect(int socket, const struct sockaddr *address, socklen_t length) {
    GATEWAY_RESULT(connect(socket, address, length));
}

static inline long gateway_bind(int socket, const struct sockaddr *address, socklen_t length) {
    GATEWAY_RESULT(bind(socket, address, length));
}

static inline long gateway_listen(int socket, int backlog) { GATEWAY_RESULT(listen(socket, backlog)); }

static inline long gateway_local_address(int socket, struct sockaddr_storage *address, socklen_t *length) {
    *length = sizeof *address;
    GATEWAY_RESULT(getsockname(socket, (struct sockaddr *)address, length));
}

static inline long gateway_set_option(int socket, int level, int option, int value) {
    GATEWAY_RESULT(setsockopt(socket, level, option, &value, sizeof value));
}

// Returns a socket's pending error and clears it; 0 if there is none.
static inline int gateway_take_error(int socket) {
    int error = 0;
    socklen_t length = sizeof error;
    return getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length) < 0 ? errno : error;
}

// Makes the next close reset the connection.
static inline void gateway_reset_on_close(int socket) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    setsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

// The bytes in the kernel that the peer has not acknowledged. SIOCOUTQ is a macro defined through another header's
// macro.
static inline int gateway_unacknowledged(int socket) {
    int count = 0;
    return ioctl(socket, SIOCOUTQ, &count) < 0 ? 0 : count;
}

// The bytes in the kernel that were not read yet.
static inline int gateway_unread(int socket) {
    int count = 0;
    return ioctl(socket, FIONREAD, &count) < 0 ? 0 : count;
}

// Reads a clock in nanoseconds.
static inline int64_t gateway_clock(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

#endif
