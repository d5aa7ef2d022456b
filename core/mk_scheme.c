/*
 * mk_scheme: the name of an authentication scheme.
 */

#include "mk_scheme.h"


/* how many bytes are that word, in any case of letters */
static size_t
mk_scheme_word(mk_bytes_t text, size_t pos, const char *word)
{
    size_t        start;
    uint8_t       c;
    mk_percent_t  unit;

    for (start = pos; *word != '\0'; word++) {

        if (pos >= text.len) {
            return 0;
        }

        unit = mk_percent_read(text, pos);
        c = unit.c >= 'A' && unit.c <= 'Z' ? (uint8_t) (unit.c | 0x20)
                                           : unit.c;

        if (c != (uint8_t) *word) {
            return 0;
        }

        pos += unit.len;
    }

    return pos - start;
}


size_t
mk_scheme_at(mk_bytes_t text, size_t pos)
{
    size_t        n, start;
    mk_percent_t  unit;

    start = pos;

    n = mk_scheme_word(text, pos, "bearer");
    n = n > 0 ? n : mk_scheme_word(text, pos, "basic");

    if (n == 0) {
        return 0;
    }

    pos += n;

    for (n = 0; pos < text.len; n++) {
        unit = mk_percent_read(text, pos);

        if (unit.c != ' ' && unit.c != '\t' && unit.c != '+') {
            break;
        }

        pos += unit.len;
    }

    return n > 0 ? pos - start : 0;
}
