/* SPDX-License-Identifier: ISC */
#include "submit/smtp_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

static bool
is_loopback4(uint32_t address)
{
	return address >> 24 == IN_LOOPBACKNET;
}

bool
smtp_peer_is_elsewhere(int fd)
{
	struct sockaddr_storage ss = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(ss);
	const struct in6_addr *in6;

	if (getpeername(fd, (struct sockaddr *)&ss, &len) == -1)
		return false; /* no socket; one whose client left says nothing
		               */
	if (ss.ss_family == AF_INET)
		return !is_loopback4(
		    ntohl(((struct sockaddr_in *)&ss)->sin_addr.s_addr));
	if (ss.ss_family != AF_INET6)
		return false;
	in6 = &((struct sockaddr_in6 *)&ss)->sin6_addr;
	if (IN6_IS_ADDR_V4MAPPED(in6))
		return in6->s6_addr[12] != IN_LOOPBACKNET;
	return !IN6_IS_ADDR_LOOPBACK(in6);
}

bool
smtp_peer_is_behind(int fd, int other)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && fstat(other, &b) == 0 &&
	       S_ISSOCK(a.st_mode) && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}
