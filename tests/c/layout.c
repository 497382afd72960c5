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
    FIELD(wst_options, cache_folder);
    FIELD(wst_options, cache_folder_bytes);
    FIELD(wst_options, ort_api_base);
    FIELD(wst_options, files);
    FIELD(wst_options, outputs);
    FIELD(wst_options, stage_devices);
    FIELD(wst_options, stage_threads);
    FIELD(wst_options, strict);
    FIELD(wst_options, reserved2);
    FIELD(wst_options, outputs_bytes);
    FIELD(wst_options, outputs_files);
    FIELD(wst_options, reserved3);
    FIELD(wst_options, settings);
    FIELD(wst_options, lora);

    SIZE(wst_image);
    FIELD(wst_image, struct_size);
    FIELD(wst_image, data);
    FIELD(wst_image, row_bytes);
    FIELD(wst_image, width);
    FIELD(wst_image, height);
    FIELD(wst_image, format);
    FIELD(wst_image, flags);
    FIELD(wst_image, index);
    FIELD(wst_image, reserved);

    SIZE(wst_digest);
    FIELD(wst_digest, bytes);

    SIZE(wst_asset);
    FIELD(wst_asset, struct_size);
    FIELD(wst_asset, size);
    FIELD(wst_asset, data);
    FIELD(wst_asset, read);
    FIELD(wst_asset, drop);
    FIELD(wst_asset, user);

    SIZE(wst_port);
    FIELD(wst_port, struct_size);
    FIELD(wst_port, name);
    FIELD(wst_port, type);
    FIELD(wst_port, flags);
    FIELD(wst_port, type_text);
    FIELD(wst_port, declaration);
    FIELD(wst_port, initial);
    FIELD(wst_port, minimum);
    FIELD(wst_port, maximum);
    FIELD(wst_port, choices);
    FIELD(wst_port, choice_count);
    FIELD(wst_port, about);
    FIELD(wst_port, role);
    FIELD(wst_port, reserved);
    FIELD(wst_port, title);

    SIZE(wst_kind);
    FIELD(wst_kind, struct_size);
    FIELD(wst_kind, kind);
    FIELD(wst_kind, signature);
    FIELD(wst_kind, about);
    FIELD(wst_kind, version);
    FIELD(wst_kind, flags);
    FIELD(wst_kind, input_count);
    FIELD(wst_kind, output_count);

    SIZE(wst_node);
    FIELD(wst_node, struct_size);
    FIELD(wst_node, name);
    FIELD(wst_node, kind);
    FIELD(wst_node, devices);
    FIELD(wst_node, arguments);
    FIELD(wst_node, argument_count);

    SIZE(wst_status);
    FIELD(wst_status, struct_size);
    FIELD(wst_status, state);
    FIELD(wst_status, reserved);
    FIELD(wst_status, fraction);
    FIELD(wst_status, node);
    FIELD(wst_status, done);
    FIELD(wst_status, of);
    FIELD(wst_status, previews);
    FIELD(wst_status, warnings);

    SIZE(wst_observer);
    FIELD(wst_observer, struct_size);
    FIELD(wst_observer, progress);
    FIELD(wst_observer, preview);
    FIELD(wst_observer, warning);
    FIELD(wst_observer, user);
    FIELD(wst_observer, overall);
    FIELD(wst_observer, preview_every);
    FIELD(wst_observer, reserved);
    FIELD(wst_observer, part);

    SIZE(wst_change);
    FIELD(wst_change, name);
    FIELD(wst_change, text);
    FIELD(wst_change, value);

    SIZE(wst_node_kind);
    FIELD(wst_node_kind, struct_size);
    FIELD(wst_node_kind, kind);
    FIELD(wst_node_kind, signature);
    FIELD(wst_node_kind, about);
    FIELD(wst_node_kind, ports);
    FIELD(wst_node_kind, version);
    FIELD(wst_node_kind, flags);
    FIELD(wst_node_kind, run);
    FIELD(wst_node_kind, check);
    FIELD(wst_node_kind, drop);
    FIELD(wst_node_kind, user);
    FIELD(wst_node_kind, state);
    FIELD(wst_node_kind, batch);
    FIELD(wst_node_kind, expected_ms);

    SIZE(wst_batch);
    FIELD(wst_batch, struct_size);
    FIELD(wst_batch, over);
    FIELD(wst_batch, each);
    FIELD(wst_batch, counts);

    SIZE(wst_api);
    FIELD(wst_api, struct_size);
    FIELD(wst_api, abi_version);
    FIELD(wst_api, reserved);
    FIELD(wst_api, add);
    FIELD(wst_api, error_new);
    FIELD(wst_api, error_code);
    FIELD(wst_api, error_message);
    FIELD(wst_api, error_free);
    FIELD(wst_api, value_bool);
    FIELD(wst_api, value_int);
    FIELD(wst_api, value_float);
    FIELD(wst_api, value_text);
    FIELD(wst_api, value_tensor);
    FIELD(wst_api, value_type);
    FIELD(wst_api, value_as_bool);
    FIELD(wst_api, value_as_int);
    FIELD(wst_api, value_as_float);
    FIELD(wst_api, value_as_text);
    FIELD(wst_api, value_as_tensor);
    FIELD(wst_api, value_as_path);
    FIELD(wst_api, value_clone);
    FIELD(wst_api, value_free);
    FIELD(wst_api, call_argument);
    FIELD(wst_api, call_result);
    FIELD(wst_api, call_step);
    FIELD(wst_api, call_wants_preview);
    FIELD(wst_api, call_preview);
    FIELD(wst_api, call_warn);
    FIELD(wst_api, call_node);
    FIELD(wst_api, add_graph);
    FIELD(wst_api, open_graph);
    FIELD(wst_api, error_place);
    FIELD(wst_api, value_uint);
    FIELD(wst_api, value_as_uint);
    FIELD(wst_api, value_read);
    FIELD(wst_api, value_copy);
    FIELD(wst_api, value_image);
    FIELD(wst_api, value_digest);
    FIELD(wst_api, call_has);
    return 0;
}
