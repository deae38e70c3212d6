/* The socket that is listened on: see listener.h. */
#include "listener.h"

#include <linux/filter.h>
#include <netinet/in.h>
#include <poll.h>

#include "base/clock.h"
#include "config.h"

#define SETTLE_SECONDS 0.02 /* whoever accepted before us has told of it by then */

enum err listener_open(const char *listen_text, int *fd, int *port, struct errinfo *ei)
{
	struct sockaddr_storage address;
	socklen_t len;
	enum err e = config_address(listen_text, &address, &len, ei);

	*fd = -1;
	if (e != OK)
		return e;
	*fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd < 0)
		return err_errno(ei, "listen: cannot make a socket");
	setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (bind(*fd, (struct sockaddr *)&address, len) != 0 || listen(*fd, SOMAXCONN) != 0 ||
	    getsockname(*fd, (struct sockaddr *)&address, &len) != 0)
		return err_errno(ei, "cannot listen on %s", listen_text);
	/* The port lies at the same place in both kinds of address. */
	*port = ntohs(((struct sockaddr_in *)&address)->sin_port);
	return OK;
}

/* Drops what arrives at the socket itself, so that no connection is made between the last accept
 * and the shutdown, which would reset it. Where it does not work, that moment is left. */
static void ignore_packets(int fd)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = { .len = 1, .filter = &drop };

	setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static void take_waiting(int fd, listener_take *take, void *ctx)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	int got;

	while ((got = accept4(fd, (struct sockaddr *)&address, &len,
			      SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		take(ctx, got, (struct sockaddr *)&address, len);
		len = sizeof(address);
	}
}

void listener_refuse(int fd, listener_take *take, void *ctx)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	double left, end = clock_monotonic() + SETTLE_SECONDS;

	while ((left = end - clock_monotonic()) > 0) {
		if (poll(&p, 1, (int)(left * 1e3) + 1) > 0)
			take_waiting(fd, take, ctx);
	}
	ignore_packets(fd);
	take_waiting(fd, take, ctx);
	shutdown(fd, SHUT_RDWR);
}
