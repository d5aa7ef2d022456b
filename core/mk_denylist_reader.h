/*
 * mk_denylist_reader: a denylist's text, read in portions.
 *
 * For a program that has others to serve meanwhile.  What a portion costs is
 * bounded by its size alone, whatever stands in the text: a byte is looked at
 * a few times, a CID of at most MK_CID_TEXT_MAX is decoded with it, and the
 * entries are sorted by merging, portion by portion as well.
 */

#ifndef MK_DENYLIST_READER_H
#define MK_DENYLIST_READER_H

#include "mk_denylist.h"


typedef struct mk_denylist_reader_s  mk_denylist_reader_t;


/*
 * Begins with a text, which is borrowed until the reader is freed.  MK_OK and
 * *reader (owned, freed by mk_denylist_reader_free).  Otherwise it is NULL and
 * *why a static phrase, as mk_denylist_parse has it.
 */
mk_status_t mk_denylist_reader_create(mk_bytes_t text,
    mk_denylist_reader_t **reader, const char **why);

/*
 * Goes on by a portion: so many bytes of text, and the rest of the last line,
 * or so many entries that are put in order.  It is to be above 0.  MK_OK:
 * *list is NULL if there is more to be done, else the list (owned), and the
 * reader can be freed only.  Otherwise as mk_denylist_parse.
 */
mk_status_t mk_denylist_reader_step(mk_denylist_reader_t *reader,
    size_t portion, mk_denylist_t **list, const char **why);

void mk_denylist_reader_free(mk_denylist_reader_t *reader);


#endif /* MK_DENYLIST_READER_H */
