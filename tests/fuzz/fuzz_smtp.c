/* SPDX-License-Identifier: ISC */
/* A dialogue: "queued" is told exactly as often as a message was published. */
#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "submit/smtp.h"
#include "unit/submit/fake_drop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char conf_name[] = "d.test", conf_spool[] = "/spool";
static const struct submit_conf conf = {
	.hostname = conf_name,
	.domain = conf_name,
	.message_size_limit = 10000,
	.header_size_limit = 5000,
	.recipient_limit = 100,
	.stdin_timeout = 60,
	.not_queued_exit = 75,
};
static const struct submit_host host = { "mx.d.test", "d.test" };
static const struct drop_conf drop_conf = { conf_spool, 0 };
static const struct smtp_service service = { &conf, &host, &drop_conf, NULL };

static unsigned
count_told(int fd)
{
	static char text[1 << 20];
	unsigned n = 0;
	const char *at;
	ssize_t len;

	assert(lseek(fd, 0, SEEK_SET) == 0);
	len = read(fd, text, sizeof(text) - 1);
	assert(len > 0);
	text[len] = '\0';
	for (at = text; (at = strstr(at, "\n250 2.0.0 Ok: queued")) != NULL;
	     at++)
		n++;
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int in = memfd_create("in", 0), out = memfd_create("out", 0);
	struct po_err err;
	struct drop d;

	assert(in != -1 && out != -1);
	assert(write(in, data, size) == (ssize_t)size);
	assert(lseek(in, 0, SEEK_SET) == 0);
	fake_drop_init(&d);
	fake_drop_to_open = &d;
	assert(smtp_serve(in, out, &service, &err) == 0);
	assert(count_told(out) == d.published);
	assert(!d.open);
	fake_drop_clear(&d);
	close(in);
	close(out);
	return 0;
}
