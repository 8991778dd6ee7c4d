/* SPDX-License-Identifier: ISC */
/*
 * The index: what LMDB knows of the files, all of it derived (spool-layout.md,
 * "The index"). Only euid po opens it, write transactions only with the run
 * lock held, and never across fork(2): close, fork, open again. Several hosts
 * on one queue would put another implementation behind this header; so no LMDB
 * type is seen here.
 *
 * Keys are composite and big-endian, so that byte order is the order wanted.
 * Every value starts with a version byte; an index of another schema is rebuilt
 * from the files, never converted. What a get returns is copied into the
 * caller's struct or arena; nothing points into the map. All functions: 0 or -1
 * with *err set; "get", "first" and "next" return 1 when there is one, 0 when
 * there is none.
 */
#ifndef PO_SPOOL_INDEX_H
#define PO_SPOOL_INDEX_H

#include "spool/cell.h"
#include "util/arena.h"
#include "util/err.h"
#include "util/sha256.h"

struct index;
struct index_tx;

enum index_mode {
	INDEX_READ,
	INDEX_WRITE /* creates what is missing; run lock held */
};

/*
 * `dirfd` is the spool's. PO_EINDEX when the file is no index, cut, or of
 * another schema: rebuild; INDEX_READ where there is none yet says the same
 * with err->sys ENOENT. A writer that follows one which never came to
 * index_close(), or that finds a small index, looks at every page first
 * (index_verify). spool_open_index() in
 * spool/rebuild.h does all of this for a writer.
 *
 * While it is open, a crash over a damaged page ends the process with the exit
 * status of PO_EINDEX and a line on stderr; that, and every PO_EINDEX of
 * the calls below, makes the next INDEX_WRITE refuse it, so that it is made
 * again.
 */
int index_open(int dirfd, const char *folder, enum index_mode mode,
    struct index **out, struct po_err *err);
void index_close(struct index *ix);
/* What it says makes no sense: the next writer makes it again from the files.
 * Does nothing to this one. */
void index_distrust(const struct index *ix);
/* Made by this open. */
bool index_is_new(const struct index *ix);
/*
 * Has a writer come so far as to make it? 0: no, and if queue/ or done/ has
 * files it must be made from them: ask before the first INDEX_WRITE, for what
 * that makes knows no file. Damage is there too: index_open() names it.
 */
int index_exists(int dirfd, const char *folder, struct po_err *err);

/*
 * Look at every page of the file below index_open()'s folder as bytes, without
 * LMDB, which believes what it reads and may crash on a damaged file: 0 it can
 * be opened, -1 (PO_EINDEX, and err->sys ENOENT where there is none; PO_EIO).
 * Nobody may write meanwhile: run lock held. Takes time by the file's size: for
 * --check, rebuild, and after a run that did not end well.
 */
int index_verify(int dirfd, const char *folder, struct po_err *err);
/* Decode every record of every database (after index_verify): PO_EINDEX names
 * the first damaged one's database. */
int index_verify_records(struct index_tx *tx, struct po_err *err);
void index_reader_check(struct index
        *ix); /* drop the slots of dead readers: at start and each minute */

/* After a put or delete that failed, the transaction can only be discarded:
 * commit refuses it (PO_EBUG). */
int index_begin(struct index *ix, enum index_mode mode, struct index_tx **out,
    struct po_err *err);
int index_commit(struct index_tx *tx,
    struct po_err *err);                 /* ends tx in any case */
void index_discard(struct index_tx *tx); /* NULL is harmless */
bool index_is_dirty(
    const struct index_tx *tx); /* was anything put or deleted? */

/* ------------------------------------------------------------ message: id ->
 * record */

/*
 * Where a message stands. With one next hop it has at most one row among due,
 * ready and claim. With several it has a part for each of them (below), which
 * is ready, claimed or waits by itself; PARTS_DUE also has a due row, for the
 * first part that waits.
 */
enum index_place {
	PLACE_NONE,
	PLACE_DUE,
	PLACE_READY,
	PLACE_CLAIM,
	PLACE_PARTS,
	PLACE_PARTS_DUE,
	PLACES
};

/* Which limit put it off until `due`. */
enum index_waits { WAITS_NOT, WAITS_SENDER, WAITS_USER };

struct index_message {
	struct queue_id id;
	enum message_state state;
	enum priority priority;
	enum index_place place;
	enum message_hold hold; /* of MESSAGE_HELD; else HOLD_REQUEST */
	enum index_waits waits;
	uint32_t uid;
	uint32_t attempts;
	int64_t arrival;
	int64_t due;
	int64_t expires;
	int64_t finished; /* seconds UTC, 0 until final */
	uint32_t hop;     /* PLACE_READY, PLACE_CLAIM */
	uint64_t turn;    /* PLACE_READY */
	uint32_t claims;  /* PLACE_PARTS and _DUE: how many parts are claimed */
	uint64_t size;    /* content bytes */
	uint32_t n_recipients;
	uint32_t n_open; /* recipients not final yet */
	uint32_t
	    n_in_doubt; /* attempts that ended in doubt, counted for ever */
	uint32_t crc;   /* trailer's, for the identity of an id */
	uint64_t file_size;
	bool ours;         /* made by po itself (a bounce) */
	bool wants_notice; /* NOTIFY=SUCCESS or DELAY for a recipient */
	char login[41];
	const char *sender; /* arena */
	const char *tag;    /* arena, or NULL */
	const char *key;    /* arena, or NULL */
};

/* put keeps the rows of due, ready and `finished` in step with place, due, hop,
 * turn, finished: it deletes the row that the stored record had and writes the
 * one that *m means; and the counters, in meta (messages and bytes by state)
 * and of its uid. A message that no longer stands in parts loses them. */
int index_message_put(struct index_tx *tx, const struct index_message *m,
    struct po_err *err);
int index_message_get(struct index_tx *tx, const struct queue_id *id,
    struct arena *arena, struct index_message *m, struct po_err *err);
/* Removes the record and every row that belongs to it (recipient, attempt, due,
 * ready, claim, finished, move, key, held, template). */
int index_message_delete(struct index_tx *tx, const struct queue_id *id,
    struct po_err *err);
/* The first message whose id is greater than *after (NULL: the very first). */
int index_message_next(struct index_tx *tx, const struct queue_id *after,
    struct arena *arena, struct index_message *m, struct po_err *err);

/* Is some of it in the hands of a worker? */
static inline bool
index_message_is_claimed(const struct index_message *m)
{
	return m->place == PLACE_CLAIM || m->claims > 0;
}

/* ------------------------------------------------------------ part: (id, hop)
 */

/* What of a message goes to one of several next hops. */
struct index_part {
	uint32_t hop;
	enum index_place place; /* PLACE_DUE, PLACE_READY, PLACE_CLAIM */
	enum priority priority; /* of its ready row */
	uint64_t turn;          /* PLACE_READY */
	int64_t due;
	uint32_t attempts; /* by this hop, for the next wait */
};

/* put keeps the ready row in step. */
int index_part_put(struct index_tx *tx, const struct queue_id *id,
    const struct index_part *part, struct po_err *err);
int index_part_get(struct index_tx *tx, const struct queue_id *id, uint32_t hop,
    struct index_part *part, struct po_err *err);
/* The first part of a hop greater than part->hop; begin with 0. */
int index_part_next(struct index_tx *tx, const struct queue_id *id,
    struct index_part *part, struct po_err *err);
/* The first part of any message behind (*id, *hop), or the `first` of all. */
int index_part_walk(struct index_tx *tx, bool first, struct queue_id *id,
    uint32_t *hop, struct po_err *err);
int index_part_delete(struct index_tx *tx, const struct queue_id *id,
    uint32_t hop, struct po_err *err);
int index_parts_delete(struct index_tx *tx, const struct queue_id *id,
    struct po_err *err);

/* ------------------------------------------------------------ due: (time, id);
 * ready: (hop, class, turn, id) */

/* The earliest due row: 1 with its time and id. */
int index_due_first(struct index_tx *tx, int64_t *due, struct queue_id *id,
    struct po_err *err);
/* The first ready row of a hop and class. */
int index_ready_first(struct index_tx *tx, uint32_t hop, enum priority class,
    uint64_t *turn, struct queue_id *id, struct po_err *err);
/* The first (hop, class) that has a row and is greater or equal to the one
 * given: to list what is there. */
int index_ready_seek(struct index_tx *tx, uint32_t *hop, enum priority *class,
    struct po_err *err);

/* A ready row. */
struct index_ready {
	uint32_t hop;
	enum priority class;
	uint64_t turn;
	struct queue_id id; /* "": before all of its turn */
};
/* The first one behind *row, which begins all zero. */
int index_ready_next(struct index_tx *tx, struct index_ready *row,
    struct po_err *err);

/* Fairness: the turn that uid's last ready message of this class got (0: none).
 */
int index_turn_get(struct index_tx *tx, enum priority class, uint32_t uid,
    uint64_t *turn, struct po_err *err);
int index_turn_put(struct index_tx *tx, enum priority class, uint32_t uid,
    uint64_t turn, struct po_err *err);

/* The first row behind (*class, *uid), or the `first` of all. */
int index_turn_next(struct index_tx *tx, bool first, enum priority *class,
    uint32_t *uid, uint64_t *turn, struct po_err *err);
int index_turn_delete(struct index_tx *tx, enum priority class, uint32_t uid,
    struct po_err *err);

/* ------------------------------------------------------------ recipient: (id,
 * n) */

struct index_recipient {
	enum slot_state state;
	uint32_t attempt;
	int64_t time;
	int reply_code;
	char status[12];
	const char *address; /* arena */
	const char *text;    /* arena: the last reply or cause, "" if none */
};
int index_recipient_put(struct index_tx *tx, const struct queue_id *id,
    uint32_t n, const struct index_recipient *r, struct po_err *err);
int index_recipient_get(struct index_tx *tx, const struct queue_id *id,
    uint32_t n, struct arena *arena, struct index_recipient *r,
    struct po_err *err);

/* ------------------------------------------------------------ claim: (id,
 * attempt) -> hop */

/* An attempt's number is that of one claim: no two of a message share it. */
struct index_claim {
	struct queue_id id;
	uint32_t attempt;
	uint32_t hop; /* 0: not known */
};

int index_claim_put(struct index_tx *tx, const struct index_claim *claim,
    struct po_err *err);
int index_claim_delete(struct index_tx *tx, const struct queue_id *id,
    uint32_t attempt, struct po_err *err);
/* The first behind *after (NULL: the very first). */
int index_claim_next(struct index_tx *tx, const struct index_claim *after,
    struct index_claim *claim, struct po_err *err);

/* ------------------------------------------------------------ attempt: (id,
 * attempt, n): the log of every try */

struct index_attempt {
	uint32_t attempt; /* 1 is the first */
	uint32_t recipient;
	int64_t time;
	enum slot_state state;
	int reply_code;
	uint32_t delay_ms; /* duration of the attempt */
	char status[12];
	const char
	    *phase; /* arena: "connect", "tls", "auth", "rcpt", "dot"... */
	const char *relay; /* arena: "host[addr]:port" */
	const char *text;  /* arena */
};
int index_attempt_put(struct index_tx *tx, const struct queue_id *id,
    const struct index_attempt *a, struct po_err *err);
/* The first row of id greater than (*attempt, *recipient) of *a; start with
 * both UINT32_MAX for "from the beginning". */
int index_attempt_next(struct index_tx *tx, const struct queue_id *id,
    struct arena *arena, struct index_attempt *a, struct po_err *err);

/* ------------------------------------------------------------ finished: (time,
 * id); move: id -> folder */

/* The oldest finished row that is greater than (*time, *id) (start with 0 and
 * an empty id). */
int index_finished_next(struct index_tx *tx, int64_t *time, struct queue_id *id,
    struct po_err *err);

int index_move_put(struct index_tx *tx, const struct queue_id *id,
    struct po_err *err); /* to done/ */
int index_move_delete(struct index_tx *tx, const struct queue_id *id,
    struct po_err *err);
int index_move_next(struct index_tx *tx, const struct queue_id *after,
    struct queue_id *id, struct po_err *err);

/* ------------------------------------------------------------ host: hop name
 * <-> number, backoff */

struct index_host {
	uint32_t hop; /* number, 1 is the first; given at the first put */
	int64_t backoff_until; /* seconds UTC, 0: none */
	uint32_t failures;     /* in a row, of the host as a whole */
	uint32_t traits;       /* what was found out: enum relay_trait */
	int64_t traits_at;     /* seconds UTC: when one was, last */
	/* What it asked for (queue/pace.h); 0: nothing. */
	uint32_t most_connections;
	uint32_t most_a_minute; /* messages */
	int64_t slowed_at; /* seconds UTC: when it asked last */
	int64_t raised_at; /* when it last got more again */
	int64_t used_at;   /* seconds UTC, to a day: mail went there last */
	char cause[160];       /* of the last failure; printable, may be cut */
	char name[300];
};
int index_host_put(struct index_tx *tx, struct index_host *h,
    struct po_err *err); /* by name; sets h->hop */
int index_host_get(struct index_tx *tx, const char *name, struct index_host *h,
    struct po_err *err);
int index_host_by_hop(struct index_tx *tx, uint32_t hop, struct index_host *h,
    struct po_err *err);
/* Nothing may mean its number any more; the highest one must stay, for numbers
 * are not given twice. */
int index_host_delete(struct index_tx *tx, const struct index_host *h,
    struct po_err *err);
/* The highest number there is, 0: none. */
int index_host_last(struct index_tx *tx, uint32_t *hop, struct po_err *err);
/* The first one behind h->name, which begins empty. */
int index_host_next(struct index_tx *tx, struct index_host *h,
    struct po_err *err);

/* ------------------------------------------------------------ key: (uid, key)
 * -> the message that was let through with it */

struct index_holder {
	struct queue_id id;
	unsigned char digest[SHA256_BYTES]; /* spool/digest.h */
};
int index_key_put(struct index_tx *tx, uint32_t uid, const char *key,
    const struct index_holder *holder, struct po_err *err);
int index_key_get(struct index_tx *tx, uint32_t uid, const char *key,
    struct index_holder *holder, struct po_err *err);

/* ------------------------------------------------------------ uid -> what it
 * has here; held: (uid, id); wake: (time, uid) */

enum index_rate { RATE_MINUTE, RATE_HOUR, RATE_DAY, RATES };

struct index_uid {
	uint64_t messages, bytes; /* waiting, and held by other causes */
	uint64_t held;            /* by a quota or a rate */
	struct {
		int64_t since; /* seconds UTC; 0: none counted */
		uint64_t count;
	} rates[RATES];
	int64_t wake; /* seconds UTC when its held messages are to be looked at;
	                 0: when something of it ends */
};

/* Counters follow index_message_put() and _delete(); what is put is rates and
 * wake. When something of a uid ends that has held messages, its wake becomes
 * 1: at once. get: 0 and all zero where there is no row. */
int index_uid_get(struct index_tx *tx, uint32_t uid, struct index_uid *u,
    struct po_err *err);
int index_uid_put(struct index_tx *tx, uint32_t uid, const struct index_uid *u,
    struct po_err *err);
/* The first row behind *uid, or the `first` of all. */
int index_uid_next(struct index_tx *tx, bool first, uint32_t *uid,
    struct index_uid *u, struct po_err *err);
/* The first uid that is to be looked at, and when. */
int index_wake_first(struct index_tx *tx, int64_t *wake, uint32_t *uid,
    struct po_err *err);
/* Its oldest message that is held by a quota or a rate. */
int index_held_first(struct index_tx *tx, uint32_t uid, struct queue_id *id,
    struct po_err *err);
/* The first uid, not less than *uid, that has one. */
int index_held_seek(struct index_tx *tx, uint32_t *uid, struct po_err *err);

/* ------------------------------------------------------------ limit: (kind,
 * name) -> how much passed of late */

enum index_limit_kind { LIMIT_RELAY, LIMIT_SENDER, LIMIT_UID, LIMIT_KINDS };
enum index_window {
	WINDOW_SECOND,
	WINDOW_MINUTE,
	WINDOW_HOUR,
	WINDOW_DAY,
	WINDOWS
};
#define INDEX_LIMIT_SLICES 21 /* one more than make a window */

/* queue/rate.h is its arithmetic. */
struct index_limit {
	enum index_limit_kind kind;
	char name[301];          /* of a relay or sender (cut), or a uid */
	int64_t newest[WINDOWS]; /* number of its slice since 1970 */
	uint32_t count[WINDOWS][INDEX_LIMIT_SLICES]; /* newest first */
	int64_t turn_s;  /* seconds UTC: what was put off last is due then */
	uint32_t turn_n; /* and how many are with it */
};

/* get: 0 and all zero, but for kind and name, where there is no row. */
int index_limit_get(struct index_tx *tx, enum index_limit_kind kind,
    const char *name, struct index_limit *l, struct po_err *err);
int index_limit_put(struct index_tx *tx, const struct index_limit *l,
    struct po_err *err);
int index_limit_delete(struct index_tx *tx, const struct index_limit *l,
    struct po_err *err);
/* The `first` of all, or the first behind *l. */
int index_limit_next(struct index_tx *tx, bool first, struct index_limit *l,
    struct po_err *err);

/* ------------------------------------------------------------ template: (id,
 * n)
 * -> "NAME/LANG/VERSION"; use: (that, id) */

/* The versions that a message needs to be rendered; the rows go with its
 * record. */
int index_templates_put(struct index_tx *tx, const struct queue_id *id,
    const char *const *versions, size_t n, struct po_err *err);
int index_template_get(struct index_tx *tx, const struct queue_id *id,
    uint32_t n, struct arena *arena, const char **version, struct po_err *err);
/* The first message behind *after (NULL: the first of all) that needs it. */
int index_use_next(struct index_tx *tx, const char *version,
    const struct queue_id *after, struct queue_id *id, struct po_err *err);

/* ------------------------------------------------------------ meta */

struct index_totals {
	uint64_t messages[MESSAGE_STATES];
	uint64_t bytes[MESSAGE_STATES];
	uint64_t deferred; /* of MESSAGE_WAITING, with attempts > 0 */
	uint64_t quota;    /* of MESSAGE_HELD, by a quota or a rate */
};
int index_totals_get(struct index_tx *tx, struct index_totals *t,
    struct po_err *err);
/* Small named values: "boot", "clean". `value` at most 200 bytes with NUL. get:
 * 1, 0 none. */
int index_meta_put(struct index_tx *tx, const char *name, const char *value,
    struct po_err *err);
int index_meta_get(struct index_tx *tx, const char *name, char *value,
    size_t max, struct po_err *err);
int index_meta_delete(struct index_tx *tx, const char *name,
    struct po_err *err);
/* The first one behind `name` (in and out, at most max_name bytes with NUL)
 * whose name begins with `prefix`; begin with the prefix itself. */
int index_meta_next(struct index_tx *tx, const char *prefix, char *name,
    size_t max_name, char *value, size_t max, struct po_err *err);

#endif
