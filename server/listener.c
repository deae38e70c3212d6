/* The socket that is listened on: see listener.h. */
#include "listener.h"

#include <linux/filter.h>
#include <netinet/in.h>
#include <poll.h>

#include "base/clock.h"
#include "config.h"

#define SETTLE_SECONDS	 0.02 /* a handshake that has begun is over by then, in a local network */
#define PATIENCE_SECONDS 0.5

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

/* A filter of a TCP socket sees the packet from its TCP header on; byte 13 holds the flags. Returns
 * whether it is in place: some sandboxes allow no filters. */
static bool drop_first_packets(int fd)
{
	enum { FLAGS = 13, SYN = 0x02, ACK = 0x10 };
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FLAGS),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, SYN | ACK),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYN, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
	};
	struct sock_fprog program = { .len = sizeof(filter) / sizeof(*filter), .filter = filter };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0;
}

/* Until nobody has waited to be accepted for so many seconds. */
static void let_in(int fd, double settle)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	double now = clock_monotonic(), end = now + PATIENCE_SECONDS, quiet = now;

	while (now < end) {
		if (poll(&p, 1, 0) > 0)
			quiet = now;
		else if (now - quiet >= settle)
			return;
		poll(NULL, 0, 1);
		now = clock_monotonic();
	}
}

void listener_refuse(int fd)
{
	if (drop_first_packets(fd)) {
		let_in(fd, SETTLE_SECONDS);
		return;
	}
	let_in(fd, 0);
	shutdown(fd, SHUT_RD);
}
