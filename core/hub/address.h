/* Which network addresses a download may connect to. Pure. */
#ifndef BERTD_HUB_ADDRESS_H
#define BERTD_HUB_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/err.h"

/* A list of networks in CIDR notation. */
struct networks;

/* Reads "10.0.0.0/8, fd00::/8, 127.0.0.1" (an address alone is itself only). NULL and "" give an
 * empty list. ERR_INVALID names the entry: no address, a length that is none, or bits behind the
 * length. */
enum err networks_parse(const char *list, struct networks **out, struct errinfo *ei) MUST_USE;
void networks_free(struct networks *n);
/* n may be NULL: the empty list. An IPv4 address inside an IPv6 one (::ffff:10.0.0.1) is in IPv6
 * networks only. */
bool networks_contain(const struct networks *n, const struct sockaddr *a);

/* Whether the address is one of the public Internet: none of the special-purpose blocks of the IANA
 * registries (RFC 6890 and its successors): loopback, private, shared, link-local, multicast,
 * documentation, benchmarking, reserved, unspecified, broadcast, and the IPv6 ones that carry an
 * IPv4 address inside (mapped, compatible, NAT64, 6to4, Teredo), which are judged as special. Of
 * IPv6 only 2000::/3 is public; of other families nothing. */
bool address_is_public(const struct sockaddr *a);

/* Reads an address as it is usually written: IPv4 as four decimal numbers without leading zeros,
 * IPv6 as in RFC 4291 without brackets and zone. False for everything else. */
bool address_read(const char *text, struct sockaddr_storage *out);

#endif
