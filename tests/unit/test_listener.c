/* The socket that is listened on: whom it lets in at the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listener.h"

static int listening, port;

static int setup(void **state)
{
	struct errinfo ei;

	(void)state;
	assert_int_equal(listener_open("127.0.0.1:0", &listening, &port, &ei), OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return close(listening);
}

/* Asks for a connection; 0 or the errno that came within a tenth of a second, EAGAIN: none. */
static int knock(int *fd)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct pollfd p = { .events = POLLOUT };
	int error = 0;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (connect(*fd, (struct sockaddr *)&to, sizeof(to)) != 0 && errno != EINPROGRESS)
		return errno;
	p.fd = *fd;
	if (poll(&p, 1, 100) == 0)
		return EAGAIN;
	getsockopt(*fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){ sizeof(error) });
	return error;
}

static void an_open_listener_lets_in(void **state)
{
	int fd;
	(void)state;

	assert_int_equal(knock(&fd), 0);
	close(fd);
}

static void nobody_new_is_let_in_at_the_end(void **state)
{
	int fd;
	(void)state;

	listener_refuse(listening);
	int error = knock(&fd);
	/* Dropped where the kernel filters, else refused. */
	assert_true(error == EAGAIN || error == ECONNREFUSED);
	close(fd);
}

static void where_no_filter_is_allowed_who_asks_is_refused(void **state)
{
	int fd;
	(void)state;

	assert_int_equal(
		setsockopt(listening, SOL_SOCKET, SO_LOCK_FILTER, &(int){ 1 }, sizeof(int)), 0);
	listener_refuse(listening);
	assert_int_equal(knock(&fd), ECONNREFUSED);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(an_open_listener_lets_in),
		T(nobody_new_is_let_in_at_the_end),
		T(where_no_filter_is_allowed_who_asks_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
