/* layout.c: prints where the fields of the header's structs lie, for crates/capi/src/layout.rs to compare. */
#include <stdio.h>

#include "wuerst.h"
/* Twice, as happens in real programs. */
#include "wuerst.h"

#define SIZE(type) printf(#type " %u\n", (unsigned)sizeof(type))
#define FIELD(type, field) printf(#type "." #field " %u\n", (unsigned)offsetof(type, field))

int main(void)
{
    SIZE(wst_str);
    FIELD(wst_str, data);
    FIELD(wst_str, len);

    SIZE(wst_tensor);
    FIELD(wst_tensor, dtype);
    FIELD(wst_tensor, rank);
    FIELD(wst_tensor, shape);
    FIELD(wst_tensor, data);

    SIZE(wst_options);
    FIELD(wst_options, struct_size);
    FIELD(wst_options, runtime);
    FIELD(wst_options, models);
    FIELD(wst_options, devices);
    FIELD(wst_options, model_bytes);
    FIELD(wst_options, cache_bytes);
    FIELD(wst_options, threads);
    FIELD(wst_options, reserved);
    FIELD(wst_options, log);
    FIELD(wst_options, user);

    SIZE(wst_watch);
    FIELD(wst_watch, struct_size);
    FIELD(wst_watch, progress);
    FIELD(wst_watch, preview);
    FIELD(wst_watch, warning);
    FIELD(wst_watch, user);
    return 0;
}
