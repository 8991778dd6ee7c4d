/* SPDX-License-Identifier: ISC */
/*
 * Filler text. The first paragraph, and the first words, are always the same,
 * as Django has them; the rest is drawn from a list.
 */
#include "compose/lorem.h"

#include <string.h>

#include "compose/render.h"

static const char common_paragraph[] =
    "Lorem ipsum dolor sit amet, consectetur adipisicing elit, sed do eiusmod "
    "tempor incididunt ut "
    "labore et dolore magna aliqua. Ut enim ad minim veniam, quis nostrud "
    "exercitation ullamco "
    "laboris nisi ut aliquip ex ea commodo consequat. Duis aute irure dolor in "
    "reprehenderit in "
    "voluptate velit esse cillum dolore eu fugiat nulla pariatur. Excepteur "
    "sint occaecat cupidatat "
    "non proident, sunt in culpa qui officia deserunt mollit anim id est "
    "laborum.";

static const char *const common_words[] = {
	"lorem",
	"ipsum",
	"dolor",
	"sit",
	"amet",
	"consectetur",
	"adipisicing",
	"elit",
	"sed",
	"do",
	"eiusmod",
	"tempor",
	"incididunt",
	"ut",
	"labore",
	"et",
	"dolore",
	"magna",
	"aliqua",
};

static const char *const words[] = {
	"exercitationem",
	"perferendis",
	"perspiciatis",
	"laborum",
	"eveniet",
	"sunt",
	"iure",
	"nam",
	"nobis",
	"eum",
	"cum",
	"officiis",
	"excepturi",
	"odio",
	"consectetur",
	"quasi",
	"aut",
	"quisquam",
	"vel",
	"eligendi",
	"itaque",
	"non",
	"odit",
	"tempore",
	"quaerat",
	"dignissimos",
	"facilis",
	"neque",
	"nihil",
	"expedita",
	"vitae",
	"vero",
	"ipsum",
	"nisi",
	"animi",
	"cumque",
	"pariatur",
	"velit",
	"modi",
	"natus",
	"iusto",
	"eaque",
	"sequi",
	"illo",
	"sed",
	"ex",
	"et",
	"voluptatibus",
	"tempora",
	"veritatis",
	"ratione",
	"assumenda",
	"incidunt",
	"nostrum",
	"placeat",
	"aliquid",
	"fuga",
	"provident",
	"praesentium",
	"rem",
	"necessitatibus",
	"suscipit",
	"adipisci",
	"quidem",
	"possimus",
	"voluptas",
	"debitis",
	"sint",
	"accusantium",
	"unde",
	"sapiente",
	"voluptate",
	"qui",
	"aspernatur",
	"laudantium",
	"soluta",
	"amet",
	"quo",
	"aliquam",
	"saepe",
	"culpa",
	"libero",
	"ipsa",
	"dicta",
	"reiciendis",
	"nesciunt",
	"doloribus",
	"autem",
	"impedit",
	"minima",
	"maiores",
	"repudiandae",
	"ipsam",
	"obcaecati",
	"ullam",
	"enim",
	"totam",
	"delectus",
	"ducimus",
	"quis",
	"voluptates",
	"dolores",
	"molestiae",
	"harum",
	"dolorem",
	"quia",
	"voluptatem",
	"molestias",
	"magni",
	"distinctio",
	"omnis",
	"illum",
	"dolorum",
	"voluptatum",
	"ea",
	"quas",
	"quam",
	"corporis",
	"quae",
	"blanditiis",
	"atque",
	"deserunt",
	"laboriosam",
	"earum",
	"consequuntur",
	"hic",
	"cupiditate",
	"quibusdam",
	"accusamus",
	"ut",
	"rerum",
	"error",
	"minus",
	"eius",
	"ab",
	"ad",
	"nemo",
	"fugit",
	"officia",
	"at",
	"in",
	"id",
	"quos",
	"reprehenderit",
	"numquam",
	"iste",
	"fugiat",
	"sit",
	"inventore",
	"beatae",
	"repellendus",
	"magnam",
	"recusandae",
	"quod",
	"explicabo",
	"doloremque",
	"aperiam",
	"consequatur",
	"asperiores",
	"commodi",
	"optio",
	"dolor",
	"labore",
	"temporibus",
	"repellat",
	"veniam",
	"architecto",
	"est",
	"esse",
	"mollitia",
	"nulla",
	"a",
	"similique",
	"eos",
	"alias",
	"dolore",
	"tenetur",
	"deleniti",
	"porro",
	"facere",
	"maxime",
	"corrupti",
};

#define COMMON (sizeof(common_words) / sizeof(common_words[0]))
#define WORDS (sizeof(words) / sizeof(words[0]))

static bool
put(struct render *r, const char *s)
{
	return tpl_step(r, 1) && tpl_out(r, s, strlen(s));
}

static const char *
any_word(struct render *r)
{
	return words[tpl_random(r, WORDS)];
}

bool
tpl_lorem_words(struct render *r, int64_t count, bool random)
{
	int64_t common = random ? 0 : (int64_t)COMMON;
	int64_t i;

	if (count < 0)
		count =
		    common + count; /* Python cuts so many words off the end */
	for (i = 0; i < count; i++)
		if ((i > 0 && !put(r, " ")) ||
		    !put(r, i < common ? common_words[i] : any_word(r)))
			return false;
	return true;
}

static bool
sentence(struct render *r)
{
	uint64_t sections = 1 + tpl_random(r, 5);
	uint64_t n;
	uint64_t i;
	uint64_t k;
	const char *w;
	char first;

	for (i = 0; i < sections; i++) {
		n = 3 + tpl_random(r, 10);
		for (k = 0; k < n; k++) {
			w = any_word(r);
			if (i == 0 && k == 0) {
				first = (char)(*w++ - ('a' - 'A'));
				if (!tpl_out(r, &first, 1))
					return false;
			} else if (!put(r, k > 0 ? " " : ", ")) {
				return false;
			}
			if (!put(r, w))
				return false;
		}
	}
	return put(r, tpl_random(r, 2) == 0 ? "?" : ".");
}

static bool
paragraph(struct render *r)
{
	uint64_t n = 1 + tpl_random(r, 4);
	uint64_t i;

	for (i = 0; i < n; i++)
		if ((i > 0 && !put(r, " ")) || !sentence(r))
			return false;
	return true;
}

bool
tpl_lorem_paragraphs(struct render *r, int64_t count, bool random, bool html)
{
	int64_t i;

	for (i = 0; i < count; i++) {
		if ((i > 0 && !put(r, "\n\n")) || (html && !put(r, "<p>")))
			return false;
		if (!(i == 0 && !random ? put(r, common_paragraph)
		                        : paragraph(r)))
			return false;
		if (html && !put(r, "</p>"))
			return false;
	}
	return true;
}
