/* Which network addresses a download may connect to: see address.h. */
#include "hub/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define MAX_ENTRY 64

struct network {
	int family;
	unsigned char bytes[16];
	int length; /* bits */
};

struct networks {
	struct network *all;
	size_t n;
};

#define V4(a, b, c, d, bits) \
	{ \
		AF_INET, { a, b, c, d }, bits \
	}
#define V6(a, b, c, d, e, f, bits) \
	{ \
		AF_INET6, { a, b, c, d, e, f }, bits \
	}

/* The IPv4 and IPv6 Special-Purpose Address Registries and the multicast and reserved space; of
 * IPv6 what lies inside of 2000::/3. */
static const struct network special[] = {
	V4(0, 0, 0, 0, 8),		      /* this network */
	V4(10, 0, 0, 0, 8),		      /* private */
	V4(100, 64, 0, 0, 10),		      /* shared by carriers */
	V4(127, 0, 0, 0, 8),		      /* loopback */
	V4(169, 254, 0, 0, 16),		      /* link-local, and the metadata of clouds */
	V4(172, 16, 0, 0, 12),		      /* private */
	V4(192, 0, 0, 0, 24),		      /* IETF protocols */
	V4(192, 0, 2, 0, 24),		      /* documentation */
	V4(192, 31, 196, 0, 24),	      /* AS112 */
	V4(192, 52, 193, 0, 24),	      /* AMT */
	V4(192, 88, 99, 0, 24),		      /* relays of 6to4 */
	V4(192, 168, 0, 0, 16),		      /* private */
	V4(192, 175, 48, 0, 24),	      /* AS112 */
	V4(198, 18, 0, 0, 15),		      /* benchmarking */
	V4(198, 51, 100, 0, 24),	      /* documentation */
	V4(203, 0, 113, 0, 24),		      /* documentation */
	V4(224, 0, 0, 0, 4),		      /* multicast */
	V4(240, 0, 0, 0, 4),		      /* reserved, broadcast */
	V6(0x20, 0x01, 0, 0, 0, 0, 23),	      /* IETF protocols, Teredo, ORCHID, benchmarking */
	V6(0x20, 0x01, 0x0d, 0xb8, 0, 0, 32), /* documentation */
	V6(0x20, 0x02, 0, 0, 0, 0, 16),	      /* 6to4 */
	V6(0x26, 0x20, 0, 0x4f, 0x80, 0, 48), /* AS112 */
	V6(0x3f, 0xff, 0, 0, 0, 0, 20),	      /* documentation */
};
static const struct network global_unicast = V6(0x20, 0, 0, 0, 0, 0, 3);

/* The bytes of the address in network order, and its family; NULL for other families. */
static const unsigned char *bytes_of(const struct sockaddr *a, int *family)
{
	*family = a->sa_family;
	if (a->sa_family == AF_INET)
		return (const unsigned char *)&((const struct sockaddr_in *)a)->sin_addr;
	if (a->sa_family == AF_INET6)
		return (const unsigned char *)&((const struct sockaddr_in6 *)a)->sin6_addr;
	return NULL;
}

static bool network_has(const struct network *n, int family, const unsigned char *bytes)
{
	int whole = n->length / 8, rest = n->length % 8;

	if (n->family != family || memcmp(n->bytes, bytes, (size_t)whole) != 0)
		return false;
	return rest == 0 || (n->bytes[whole] ^ bytes[whole]) >> (8 - rest) == 0;
}

bool address_is_public(const struct sockaddr *a)
{
	int family;
	const unsigned char *bytes = bytes_of(a, &family);

	if (!bytes || (family == AF_INET6 && !network_has(&global_unicast, family, bytes)))
		return false;
	for (size_t i = 0; i < sizeof(special) / sizeof(*special); i++)
		if (network_has(&special[i], family, bytes))
			return false;
	return true;
}

bool networks_contain(const struct networks *n, const struct sockaddr *a)
{
	int family;
	const unsigned char *bytes = bytes_of(a, &family);

	for (size_t i = 0; n && bytes && i < n->n; i++)
		if (network_has(&n->all[i], family, bytes))
			return true;
	return false;
}

bool address_read(const char *text, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1)
		out->ss_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1)
		out->ss_family = AF_INET6;
	return out->ss_family != AF_UNSPEC;
}

/* A prefix length: digits only, at most max. -1: it is none. */
static int read_length(const char *text, int max)
{
	int n = 0;

	if (!*text || strlen(text) > 3 || strspn(text, "0123456789") != strlen(text))
		return -1;
	n = atoi(text);
	return n <= max ? n : -1;
}

static bool has_bits_behind(const struct network *n, int bits)
{
	for (int i = n->length; i < bits; i++)
		if (n->bytes[i / 8] & (0x80 >> i % 8))
			return true;
	return false;
}

static enum err read_network(char *entry, struct network *out, struct errinfo *ei)
{
	struct sockaddr_storage a;
	char *slash = strchr(entry, '/');

	if (slash)
		*slash = '\0';
	if (!address_read(entry, &a))
		return err_set(ei, ERR_INVALID, "\"%s\" is not an address", entry);
	int bits = a.ss_family == AF_INET ? 32 : 128;
	memcpy(out->bytes, bytes_of((struct sockaddr *)&a, &out->family), (size_t)bits / 8);
	out->length = slash ? read_length(slash + 1, bits) : bits;
	if (out->length < 0)
		return err_set(ei, ERR_INVALID, "the length of the network %s/%s must be 0 to %d",
			       entry, slash + 1, bits);
	if (has_bits_behind(out, bits))
		return err_set(ei, ERR_INVALID, "the network %s/%s has bits behind its length",
			       entry, slash + 1);
	return OK;
}

static enum err add_entry(struct networks *n, const char *at, size_t len, struct errinfo *ei)
{
	char entry[MAX_ENTRY];

	if (len >= sizeof(entry))
		return err_set(ei, ERR_INVALID, "\"%.*s…\" is not a network", 32, at);
	memcpy(entry, at, len);
	entry[len] = '\0';
	n->all = mem_resize(n->all, n->n + 1, sizeof(*n->all));
	n->all[n->n] = (struct network){ 0 };
	return read_network(entry, &n->all[n->n++], ei);
}

enum err networks_parse(const char *list, struct networks **out, struct errinfo *ei)
{
	struct networks *n = mem_zalloc(1, sizeof(*n));
	enum err e = OK;

	while (list && *list && e == OK) {
		list += strspn(list, ", \t");
		size_t len = strcspn(list, ", \t");
		if (len)
			e = add_entry(n, list, len, ei);
		list += len;
	}
	if (e == OK)
		*out = n;
	else
		networks_free(n);
	return e;
}

void networks_free(struct networks *n)
{
	if (n)
		free(n->all);
	free(n);
}
