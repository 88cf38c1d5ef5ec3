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
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
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

static inline long gateway_datagram_socket(void) { GATEWAY_RESULT(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)); }

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

// The address family of a listening stream socket that another process has opened, made non-blocking and closed by exec
// like our own. -ENOTSOCK for anything but a socket, -EPROTOTYPE for one of another type, -EINVAL for one that does not
// listen. In C because SO_TYPE's answer is compared with an enumeration case that has its own type in Swift.
static inline long gateway_adopt_listener(int socket) {
    int type = 0, listens = 0, family = 0;
    socklen_t length = sizeof(int);
    if (getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &length) < 0) return -errno;
    if (type != SOCK_STREAM) return -EPROTOTYPE;
    if (getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) < 0) return -errno;
    if (!listens) return -EINVAL;
    if (getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &family, &length) < 0) return -errno;
    int flags = fcntl(socket, F_GETFL);
    if (flags < 0 || fcntl(socket, F_SETFL, flags | O_NONBLOCK) < 0) return -errno;
    if (fcntl(socket, F_SETFD, FD_CLOEXEC) < 0) return -errno;
    return family;
}

// Sends a message to a service manager's datagram socket. A name that begins with @ is abstract: its first byte is zero,
// and its length is part of it.
static inline long gateway_notify(const char *name, const char *text) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    if (length == 0 || length >= sizeof address.sun_path) return -ENAMETOOLONG;
    memcpy(address.sun_path, name, length);
    if (name[0] == '@') address.sun_path[0] = 0;
    int number = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (number < 0) return -errno;
    // Never waits for a manager that does not read.
    long sent = sendto(number, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&address,
                       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
    long result = sent < 0 ? -errno : sent;
    close(number);
    return result;
}

// The most descriptors of one message; the kernel's own limit is 253.
#define GATEWAY_MAX_DESCRIPTORS 64

// Sends bytes over a Unix socket, and copies of descriptors with them. In C because the control message is built with
// macros.
static inline long gateway_send_descriptors(int socket, const void *bytes, size_t count, const int *descriptors,
                                            size_t number) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * GATEWAY_MAX_DESCRIPTORS)];
    } control = {0};
    struct iovec vector = {(void *)bytes, count};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    if (number > GATEWAY_MAX_DESCRIPTORS) return -E2BIG;
    if (number > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * number);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * number);
        memcpy(CMSG_DATA(header), descriptors, sizeof(int) * number);
    }
    GATEWAY_RESULT(sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
}

// Receives bytes from a Unix socket, and up to GATEWAY_MAX_DESCRIPTORS descriptors, which the caller then owns. What the
// peer passes beyond that is closed, and an error: -E2BIG.
static inline long gateway_receive_descriptors(int socket, void *bytes, size_t count, int *descriptors,
                                               size_t *number) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * GATEWAY_MAX_DESCRIPTORS)];
    } control = {0};
    struct iovec vector = {bytes, count};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    *number = 0;
    long received = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (received < 0) return -errno;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        size_t found = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t index = 0; index < found; index++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(header) + sizeof(int) * index, sizeof descriptor);
            if (*number < GATEWAY_MAX_DESCRIPTORS) descriptors[(*number)++] = descriptor;
            else close(descriptor);
        }
    }
    if (message.msg_flags & MSG_CTRUNC) {
        while (*number > 0) close(descriptors[--*number]);
        return -E2BIG;
    }
    return received;
}

// The process and user at the other end of a Unix socket, as they were when it connected or listened. struct ucred
// belongs to the C library's GNU dialect; these are its members.
static inline long gateway_peer(int socket, int *process, unsigned *user) {
    struct {
        int process;
        unsigned user, group;
    } peer;
    socklen_t length = sizeof peer;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) return -errno;
    *process = peer.process;
    *user = peer.user;
    return 0;
}

static inline long gateway_socket_pair(int *sockets) {
    GATEWAY_RESULT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sockets));
}

// A descriptor that is readable once a process has ended.
static inline long gateway_open_process(int process) { GATEWAY_RESULT(syscall(SYS_pidfd_open, process, 0)); }

// Waits until a descriptor is ready; 0 if the time is up.
static inline long gateway_poll(int descriptor, short readiness, int milliseconds) {
    struct pollfd entry = {.fd = descriptor, .events = readiness};
    GATEWAY_RESULT(poll(&entry, 1, milliseconds));
}

// The same for two descriptors, of which the second, -1 for none, is waited for until there is something to read. Returns
// 1 for the first, 2 for the second, 3 for both.
static inline long gateway_poll_two(int descriptor, short readiness, int second, int milliseconds) {
    struct pollfd entries[2] = {{.fd = descriptor, .events = readiness}, {.fd = second, .events = POLLIN}};
    int count = poll(entries, 2, milliseconds);
    return count < 0 ? -errno : (entries[0].revents ? 1 : 0) | (entries[1].revents ? 2 : 0);
}

// A copy of a descriptor, closed by exec.
static inline long gateway_duplicate(int descriptor) { GATEWAY_RESULT(fcntl(descriptor, F_DUPFD_CLOEXEC, 0)); }

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
