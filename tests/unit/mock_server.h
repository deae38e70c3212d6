/* A small HTTP server of the loopback, for tests of the hub: it reads a request's head, lets the
 * test answer with raw bytes, and closes. One connection at a time. */
#ifndef BERTD_TESTS_MOCK_SERVER_H
#define BERTD_TESTS_MOCK_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

#define MOCK_REQUESTS 8

struct mock {
	int listener, stop[2];
	int port;
	pthread_t thread;
	pthread_mutex_t busy; /* held while a connection is served */
	void (*answer)(struct mock *m, int fd, const char *request);
	void (*serve)(struct mock *m, int fd); /* instead of reading a head and answer */
	void *arg;
	atomic_int connections;
	atomic_int requests;
	char seen[MOCK_REQUESTS][8192]; /* heads of the first requests */
};

/* False when the other side does not listen any more. */
static inline bool mock_send(int fd, const void *data, size_t n)
{
	while (n) {
		ssize_t sent = send(fd, data, n, MSG_NOSIGNAL);
		if (sent <= 0)
			return false;
		data = (const char *)data + sent;
		n -= (size_t)sent;
	}
	return true;
}

static inline bool __attribute__((format(printf, 2, 3))) mock_say(int fd, const char *fmt, ...)
{
	char text[16384];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	BUG_ON(n < 0 || (size_t)n >= sizeof(text));
	return mock_send(fd, text, (size_t)n);
}

/* Until the client closes, or a minute. */
static inline void mock_wait_for_close(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char drop[256];

	while (poll(&p, 1, 60000) > 0)
		if (recv(fd, drop, sizeof(drop), 0) <= 0)
			return;
}

/* Waits ms, or less when the client closes: false. */
static inline bool mock_pause(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 0;
}

/* False where no whole head came. */
static inline bool mock_read_head(int fd, char *head, size_t size)
{
	size_t n = 0;

	head[0] = '\0';
	while (!strstr(head, "\r\n\r\n")) {
		ssize_t got = n + 1 < size ? recv(fd, head + n, size - 1 - n, 0) : -1;
		if (got <= 0)
			return false;
		n += (size_t)got;
		head[n] = '\0';
	}
	return true;
}

static inline void mock_serve(struct mock *m, int fd)
{
	char head[8192];

	if (!mock_read_head(fd, head, sizeof(head)))
		return;
	int i = atomic_load(&m->requests);
	if (i < MOCK_REQUESTS)
		memcpy(m->seen[i], head, sizeof(head));
	atomic_fetch_add(&m->requests, 1);
	if (m->answer)
		m->answer(m, fd, head);
}

static inline void *mock_run(void *arg)
{
	struct mock *m = arg;
	struct pollfd p[2] = { { .fd = m->listener, .events = POLLIN },
			       { .fd = m->stop[0], .events = POLLIN } };

	while (poll(p, 2, -1) >= 0 && !p[1].revents) {
		pthread_mutex_lock(&m->busy);
		int fd = accept(m->listener, NULL, NULL);
		if (fd >= 0) {
			atomic_fetch_add(&m->connections, 1);
			if (m->serve)
				m->serve(m, fd);
			else
				mock_serve(m, fd);
			close(fd);
		}
		pthread_mutex_unlock(&m->busy);
	}
	return NULL;
}

/* Until no connection is served: then what was seen may be read, and the answer changed. */
static inline void mock_settle(struct mock *m)
{
	pthread_mutex_lock(&m->busy);
	pthread_mutex_unlock(&m->busy);
}

/* On any free port of address, which may be IPv6; "::" is IPv4 too. False: the machine has no such
 * address. */
static inline bool mock_open(struct mock *m, const char *address)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	bool is_v6 = inet_pton(AF_INET6, address, &v6.sin6_addr) == 1;
	struct sockaddr *a = is_v6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
	socklen_t n = is_v6 ? sizeof(v6) : sizeof(v4);

	memset(m, 0, sizeof(*m));
	pthread_mutex_init(&m->busy, NULL);
	BUG_ON(!is_v6 && inet_pton(AF_INET, address, &v4.sin_addr) != 1);
	m->listener = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (m->listener < 0 || bind(m->listener, a, n) != 0 || listen(m->listener, 64) != 0) {
		close(m->listener);
		return false;
	}
	BUG_ON(getsockname(m->listener, a, &n) != 0 || pipe(m->stop) != 0);
	m->port = ntohs(is_v6 ? v6.sin6_port : v4.sin_port);
	BUG_ON(pthread_create(&m->thread, NULL, mock_run, m) != 0);
	return true;
}

static inline void mock_close(struct mock *m)
{
	BUG_ON(write(m->stop[1], "x", 1) != 1);
	pthread_join(m->thread, NULL);
	pthread_mutex_destroy(&m->busy);
	close(m->listener);
	close(m->stop[0]);
	close(m->stop[1]);
}

#endif
