/* Which addresses are public, and lists of networks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

#include "hub/address.h"

static bool is_public(const char *text)
{
	struct sockaddr_storage a;

	if (!address_read(text, &a))
		fail_msg("%s is not an address", text);
	return address_is_public((struct sockaddr *)&a);
}

/* The last address before a special block, its first and last, and the first one behind it; NULL
 * where another block follows at once or there is nothing. */
static const struct {
	const char *before, *first, *last, *behind;
} blocks[] = {
	{ NULL, "0.0.0.0", "0.255.255.255", "1.0.0.0" },
	{ "9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0" },
	{ "100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0" },
	{ "126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0" },
	{ "169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0" },
	{ "172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0" },
	{ "191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0" },
	{ "192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0" },
	{ "192.31.195.255", "192.31.196.0", "192.31.196.255", "192.31.197.0" },
	{ "192.52.192.255", "192.52.193.0", "192.52.193.255", "192.52.194.0" },
	{ "192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0" },
	{ "192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0" },
	{ "192.175.47.255", "192.175.48.0", "192.175.48.255", "192.175.49.0" },
	{ "198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0" },
	{ "198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0" },
	{ "203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0" },
	{ "223.255.255.255", "224.0.0.0", "239.255.255.255", NULL },
	{ NULL, "240.0.0.0", "255.255.255.255", NULL },
	{ NULL, "::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2000::" },
	{ "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	  "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::" },
	{ "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
	  "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::" },
	{ "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	  "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::" },
	{ "2620:4f:7fff:ffff:ffff:ffff:ffff:ffff",
	  "2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff", "2620:4f:8001::" },
	{ "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	  "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::" },
	{ "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	  "4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL },
};

static void special_blocks_end_where_the_registries_say(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(blocks) / sizeof(*blocks); i++) {
		if (is_public(blocks[i].first) || is_public(blocks[i].last))
			fail_msg("%s is public", blocks[i].first);
		if ((blocks[i].before && !is_public(blocks[i].before)) ||
		    (blocks[i].behind && !is_public(blocks[i].behind)))
			fail_msg("beside of %s is not public", blocks[i].first);
	}
}

static void ipv4_inside_of_ipv6_is_special(void **state)
{
	static const char *const inside[] = {
		"::ffff:127.0.0.1",   "::ffff:8.8.8.8",	      "::127.0.0.1",
		"::8.8.8.8",	      "64:ff9b::8.8.8.8",     "64:ff9b:1::10.0.0.1",
		"2002:7f00:1::",      "2002:808:808::1",      "2001:0:7f00:1::",
		"::ffff:0:127.0.0.1", "2001::f7f7:f7f7:f7f7", "::1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(inside) / sizeof(*inside); i++)
		if (is_public(inside[i]))
			fail_msg("%s is public", inside[i]);
}

static void addresses_people_use_are_public(void **state)
{
	static const char *const good[] = { "1.1.1.1",
					    "8.8.8.8",
					    "18.160.143.76",
					    "2606:4700::1111",
					    "2a00:1450:4001:81b::200e",
					    "2600:9000:2750::1" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (!is_public(good[i]))
			fail_msg("%s is not public", good[i]);
}

static void other_families_are_never_public_nor_listed(void **state)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "/run/docker.sock" };
	struct networks *n;

	(void)state;
	assert_int_equal(networks_parse("0.0.0.0/0, ::/0", &n, NULL), OK);
	assert_false(address_is_public((struct sockaddr *)&a));
	assert_false(networks_contain(n, (struct sockaddr *)&a));
	networks_free(n);
}

static void only_the_usual_spelling_is_an_address(void **state)
{
	static const char *const none[] = { "",		  "127.1",	"0177.0.0.1", "0x7f.0.0.1",
					    "127.0.0.01", "2130706433", "1.2.3.4.5",  "1.2.3.256",
					    " 1.2.3.4",	  "1.2.3.4 ",	"[::1]",      "fe80::1%lo",
					    "::1/128",	  ":::",	"1:2:3",      "host" };
	struct sockaddr_storage a;

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		if (address_read(none[i], &a))
			fail_msg("\"%s\" was read", none[i]);
}

static bool in_list(const char *list, const char *address)
{
	struct networks *n = NULL;
	struct sockaddr_storage a;

	assert_int_equal(networks_parse(list, &n, NULL), OK);
	assert_true(address_read(address, &a));
	bool in = networks_contain(n, (struct sockaddr *)&a);
	networks_free(n);
	return in;
}

static void lists_contain_what_they_name(void **state)
{
	static const struct {
		const char *list, *address;
		bool in;
	} cases[] = {
		{ NULL, "127.0.0.1", false },
		{ "", "127.0.0.1", false },
		{ " , ,", "127.0.0.1", false },
		{ "127.0.0.0/8", "127.255.0.3", true },
		{ "127.0.0.0/8", "128.0.0.0", false },
		{ "127.0.0.1", "127.0.0.1", true },
		{ "127.0.0.1", "127.0.0.2", false },
		{ "10.0.0.0/8,127.0.0.1/32", "127.0.0.1", true },
		{ "10.0.0.0/8  fd00::/8 ,", "fdff::3", true },
		{ "10.20.64.0/18", "10.20.127.255", true },
		{ "10.20.64.0/18", "10.20.128.0", false },
		{ "0.0.0.0/0", "10.0.0.1", true },
		{ "0.0.0.0/0", "::1", false },
		{ "::/0", "127.0.0.1", false },
		{ "127.0.0.0/8", "::ffff:127.0.0.1", false },
		{ "::ffff:0:0/96", "::ffff:127.0.0.1", true },
		{ "::1", "::1", true },
		{ "fd12:3456:789a::/47", "fd12:3456:789b:1::", true },
		{ "fd12:3456:789a::/47", "fd12:3456:789c::", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (in_list(cases[i].list, cases[i].address) != cases[i].in)
			fail_msg("%s in \"%s\"", cases[i].address, cases[i].list);
}

static void lists_name_the_entry_that_is_none(void **state)
{
	static const struct {
		const char *list, *word;
	} cases[] = {
		{ "10.0.0.0/8, intranet", "intranet" },
		{ "10.0.0.0/33", "10.0.0.0/33" },
		{ "10.0.0.0/", "10.0.0.0/" },
		{ "10.0.0.0/-1", "/-1" },
		{ "10.0.0.0/8x", "/8x" },
		{ "10.0.0.0/ 8", "10.0.0.0/" },
		{ "10.0.0.0/0008", "0008" },
		{ "10.0.0.1/8", "bits behind" },
		{ "fd00::1/64", "bits behind" },
		{ "::/129", "::/129" },
		{ "127.1", "127.1" },
		{ "[::1]", "[::1]" },
		{ "1111111111222222222233333333334444444444555555555566666666667777777777",
		  "11111111112222222222" },
	};
	struct networks *n;
	struct errinfo ei;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (networks_parse(cases[i].list, &n, &ei) != ERR_INVALID)
			fail_msg("\"%s\" was read", cases[i].list);
		if (!strstr(ei.msg, cases[i].word))
			fail_msg("\"%s\": %s", cases[i].list, ei.msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(special_blocks_end_where_the_registries_say),
		cmocka_unit_test(ipv4_inside_of_ipv6_is_special),
		cmocka_unit_test(addresses_people_use_are_public),
		cmocka_unit_test(other_families_are_never_public_nor_listed),
		cmocka_unit_test(only_the_usual_spelling_is_an_address),
		cmocka_unit_test(lists_contain_what_they_name),
		cmocka_unit_test(lists_name_the_entry_that_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
