/* Messages to the service manager. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "notify.h"

/* What arrives at a socket of that name; "" when nothing does. state NULL: of a reload. */
static const char *received(const char *name, const char *state)
{
	static char text[64];
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	memcpy(at.sun_path, name, strlen(name));
	if (*name == '@')
		at.sun_path[0] = '\0';
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
	if (state)
		notify_send(state);
	else
		notify_reloading();
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	close(fd);
	return text;
}

static void state_arrives_at_a_path_and_at_an_abstract_name(void **state)
{
	char path[64], name[64];
	(void)state;

	snprintf(path, sizeof(path), "/tmp/bertd-notify-%d", getpid());
	snprintf(name, sizeof(name), "@bertd-notify-%d", getpid());
	setenv("NOTIFY_SOCKET", path, 1);
	assert_string_equal(received(path, "READY=1"), "READY=1");
	unlink(path);
	setenv("NOTIFY_SOCKET", name, 1);
	assert_string_equal(received(name, "STOPPING=1"), "STOPPING=1");
}

static void reload_is_told_with_the_time_of_the_monotonic_clock(void **state)
{
	struct timespec before, after;
	char name[64];
	long long usec = 0;
	(void)state;

	snprintf(name, sizeof(name), "@bertd-reload-%d", getpid());
	setenv("NOTIFY_SOCKET", name, 1);
	clock_gettime(CLOCK_MONOTONIC, &before);
	int n = sscanf(received(name, NULL), "RELOADING=1\nMONOTONIC_USEC=%lld", &usec);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_int_equal(n, 1);
	assert_in_range(usec / 1000000, before.tv_sec, after.tv_sec);
}

static void other_names_and_nobody_there_are_ignored(void **state)
{
	static const char *const names[] = { "", "@", "relative", "/nobody/there" };
	char name[64];
	(void)state;

	snprintf(name, sizeof(name), "@bertd-other-%d", getpid());
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		setenv("NOTIFY_SOCKET", names[i], 1);
		assert_string_equal(received(name, "READY=1"), "");
	}
	unsetenv("NOTIFY_SOCKET");
	assert_string_equal(received(name, "READY=1"), "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(state_arrives_at_a_path_and_at_an_abstract_name),
		cmocka_unit_test(reload_is_told_with_the_time_of_the_monotonic_clock),
		cmocka_unit_test(other_names_and_nobody_there_are_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
