/*
 * mk_percent: one character of a text that may be percent-encoded.
 */

#include "mk_percent.h"
#include "mk_work.h"


static int
mk_percent_hex(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : -1;
}


mk_percent_t
mk_percent_read(mk_bytes_t text, size_t pos)
{
    return mk_percent_read_level(text, pos, MK_PERCENT_LEVELS);
}


mk_percent_t
mk_percent_read_level(mk_bytes_t text, size_t pos, size_t levels)
{
    int           high, low;
    size_t        p, level;
    mk_percent_t  unit;

    unit.c = text.data[pos];
    unit.len = 1;
    unit.level = 0;

    MK_WORK(1);

    if (unit.c != '%') {
        return unit;
    }

    p = pos + 1;

    for (level = 1; level <= levels; level++) {

        if (text.len - p < 2) {
            break;
        }

        high = mk_percent_hex(text.data[p]);
        low = mk_percent_hex(text.data[p + 1]);

        if (high < 0 || low < 0) {
            break;
        }

        unit.c = (uint8_t) (high << 4 | low);
        unit.len = p + 2 - pos;
        unit.level = level;

        if (unit.c != '%') {
            break;
        }

        p += 2;
    }

    return unit;
}
