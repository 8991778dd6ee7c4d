/* SPDX-License-Identifier: ISC */
/*
 * What crosses the socket pairs between the runner's parent and its children:
 * SOCK_SEQPACKET datagrams, jobs with their open files by SCM_RIGHTS. A worker
 * speaks with foreign servers, so the parent believes nothing of what it says
 * that it can check: lengths, ranges, and that the job was given to that
 * worker.
 */
#ifndef PO_QUEUE_WIRE_H
#define PO_QUEUE_WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "deliver/delivery.h"
#include "deliver/routes.h"
#include "deliver/transport.h"
#include "spool/ingest.h"
#include "util/buf.h"
#include "util/err.h"

#define WIRE_MAX_BYTES 60000u /* of one datagram */
#define WIRE_MAX_FILES 64u    /* with one datagram */
#define WIRE_MAX_HOP DELIVER_HOP_MAX
#define WIRE_MAX_RELAY 300u
#define WIRE_MAX_JOB (QUEUE_ID_LEN + 16u + WIRE_MAX_HOP)
#define WIRE_MAX_TAKEN (QUEUE_ID_LEN + 1u + SHA256_BYTES)

enum wire_type {
	WIRE_JOBS,    /* parent to worker, each with its open file */
	WIRE_RECALL,  /* parent to worker: give back what you have not begun */
	WIRE_RESULTS, /* worker to parent */
	WIRE_CLOSED,  /* worker to parent: it is connected to nobody now */
	WIRE_SCAN,    /* parent to ingester: look into drop/ */
	WIRE_TAKEN,   /* ingester to parent: these messages are durable */
	WIRE_ACT,     /* ingester to parent: a request, with its open file */
	WIRE_RELEASE, /* parent to ingester: their records are committed */
	WIRE_NOTE     /* ingester to parent: a line for the log */
};

struct wire_job {
	struct queue_id id;
	uint32_t attempt;
	uint32_t falls;    /* of the relay, as the parent knew it */
	uint8_t relay;     /* of the hop's, from 0 */
	uint8_t traits;    /* enum relay_trait, of that relay */
	bool alternatives; /* the hop has another that can be used */
	bool shared; /* other workers are connected to the relay, or will be */
	char hop[WIRE_MAX_HOP];
};

/* What became of one recipient; texts point into the datagram. */
struct wire_result {
	struct queue_id id;
	uint32_t attempt;
	uint32_t recipient; /* UINT32_MAX: the message as a whole (all
	                       untouched, or damaged) */
	enum delivery_state state;
	enum delivery_phase phase;
	uint16_t reply_code;
	uint32_t delay_ms; /* from the job's arrival in the worker */
	bool last;         /* the job ends with this result */
	bool damaged;      /* the file is not what it was: text says why */
	bool over;         /* the file's head ended it: the index is behind */
	bool unmarked;     /* a slot could not be written: it is behind */
	enum delivery_handover handover;
	bool hop_down;  /* the relay as a whole is not usable */
	bool slow;      /* it asked for less at a time */
	uint8_t traits; /* enum relay_trait, of the relay */
	bool connected; /* the worker may still be connected to it */
	const char *status;
	const char *relay;
	const char *text;
};

/* Reading: a cursor over one datagram; each returns false when it ends too
 * early or a value is out of range. */
struct wire_reader {
	const unsigned char *p;
	size_t left;
};

bool wire_get_u8(struct wire_reader *r, uint8_t *v);
bool wire_get_u32(struct wire_reader *r, uint32_t *v);
bool wire_get_id(struct wire_reader *r, struct queue_id *id);
bool wire_get_taken(struct wire_reader *r, struct ingest_taken *taken);
bool wire_get_text(struct wire_reader *r, size_t max,
    const char **text); /* NUL-terminated, inside the datagram */
bool wire_get_job(struct wire_reader *r, struct wire_job *job);
bool wire_get_result(struct wire_reader *r, struct wire_result *result);

bool wire_put_u8(struct buf *b, uint8_t v);
bool wire_put_u32(struct buf *b, uint32_t v);
bool wire_put_id(struct buf *b, const struct queue_id *id);
bool wire_put_text(struct buf *b, const char *text);
bool wire_put_taken(struct buf *b, const struct ingest_taken *taken);
bool wire_put_job(struct buf *b, const struct wire_job *job);
bool wire_put_result(struct buf *b, const struct wire_result *result);

/* Send one datagram, with a descriptor unless fd is -1. Blocks while the queue
 * is full unless `dont_wait`: then 0 is returned for "full". 1 sent, -1 the
 * other side is gone or an error, errno set. */
int wire_send(int sock, const struct buf *b, int fd, bool dont_wait);

/* The same with `n` descriptors (0..WIRE_MAX_FILES). */
int wire_send_files(int sock, const struct buf *b, const int *fds, size_t n,
    bool dont_wait);

/* Receive one datagram into `space` (WIRE_MAX_BYTES): its length, 0 at the end
 * of the other side, -1 with errno (EAGAIN: nothing there). *fd is the
 * descriptor that came with it, or -1; close-on-exec. */
ssize_t wire_receive(int sock, void *space, int *fd, bool dont_wait);

/* The same with up to WIRE_MAX_FILES descriptors in `fds`, *n of them. */
ssize_t wire_receive_files(int sock, void *space, int fds[WIRE_MAX_FILES],
    size_t *n, bool dont_wait);

#endif
