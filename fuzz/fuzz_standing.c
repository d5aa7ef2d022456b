/*
 * fuzz_standing: only the literal words are a yes, whatever stands around.
 *
 * The input is the answer; both readers see it.
 */

#include "fuzz.h"
#include "mk_standing.h"

#include <stdlib.h>
#include <string.h>


/* the same readings by jansson alone */
static void
expect(mk_bytes_t text, mk_status_t member, mk_status_t capability)
{
    json_t        *json, *value;
    const char    *state;
    json_error_t   error;

    json = json_loadb((const char *) text.data, text.len,
                      JSON_REJECT_DUPLICATES, &error);

    value = json_object_get(json, "member");
    FUZZ_HOLDS(member != MK_OK || json_is_true(value));
    FUZZ_HOLDS(member != MK_VAULT_DENIED || json_is_false(value));

    state = json_string_value(json_object_get(json_object_get(json, "status"),
                                              "state"));
    FUZZ_HOLDS(capability != MK_OK
               || (state != NULL && strcmp(state, "active") == 0));
    FUZZ_HOLDS(capability != MK_CAPABILITY_DENIED
               || (state != NULL && strcmp(state, "revoked") == 0));

    json_decref(json);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int           active;
    json_t       *json;
    uint8_t      *copy;
    mk_bytes_t    text;
    mk_status_t   member, capability, state;

    text = fuzz_bytes(data, size);
    copy = fuzz_copy(text);
    text.data = copy;

    member = mk_standing_member(text);
    capability = mk_standing_capability(text);

    FUZZ_HOLDS(member == MK_OK || member == MK_VAULT_DENIED
               || member == MK_VAULT_PROVIDER_ERROR);
    FUZZ_HOLDS(capability == MK_OK || capability == MK_CAPABILITY_DENIED
               || capability == MK_METADATA_PROVIDER_ERROR);

    expect(text, member, capability);

    /* a record's state is read as a capability's is */

    if (mk_json_parse(text, MK_INVALID_CAPSULE, &json) == MK_OK) {
        active = -1;
        state = mk_standing_read_state(json, MK_INVALID_CAPSULE, &active);

        FUZZ_HOLDS((state == MK_OK && active == 1) == (capability == MK_OK));
        FUZZ_HOLDS((state == MK_OK && active == 0)
                   == (capability == MK_CAPABILITY_DENIED));
        FUZZ_HOLDS(state == MK_OK || active == 0);
        json_decref(json);

    } else {
        FUZZ_HOLDS(member == MK_VAULT_PROVIDER_ERROR);
        FUZZ_HOLDS(capability == MK_METADATA_PROVIDER_ERROR);
    }

    free(copy);

    return 0;
}
