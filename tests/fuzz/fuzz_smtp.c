/* SPDX-License-Identifier: ISC */
/* A dialogue: every reply is a line of SMTP, and "queued" is told exactly as
 * often as a message was published. */
#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "submit/smtp.h"
#include "unit/submit/fake_drop.h"
#include "util/span.h"

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
static const struct smtp_service service = { &conf, &host, &drop_conf, NULL,
	NULL };

/* "250 text" or "250-text", printable, nothing behind it. */
static void
check_reply(struct span line)
{
	size_t i;

	assert(line.len > 4 && line.len < 1000);
	assert(line.p[line.len - 1] == '\r');
	for (i = 0; i < 3; i++)
		assert(ascii_is_digit((unsigned char)line.p[i]));
	assert(line.p[0] >= '2' && line.p[0] <= '5');
	assert(line.p[3] == ' ' || line.p[3] == '-');
	for (i = 4; i < line.len - 1; i++)
		assert(line.p[i] >= ' ' && line.p[i] <= '~');
}

static unsigned
count_told(int fd)
{
	const struct span queued = SPAN_LIT("250 2.0.0 Ok: queued as ");
	static char text[1 << 20];
	struct span rest = { text, 0 }, line;
	unsigned n = 0;
	ssize_t len;

	assert(lseek(fd, 0, SEEK_SET) == 0);
	len = read(fd, text, sizeof(text));
	assert(len > 0 && text[len - 1] == '\n');
	for (rest.len = (size_t)len; rest.len > 0;) {
		line = span_cut(&rest, '\n');
		check_reply(line);
		n += span_has_prefix_nocase(line, queued);
	}
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
