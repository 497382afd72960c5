/* nulls.c: every function with NULL, with text that is not UTF-8, and with structs of a wrong size.
 *
 *   nulls MODELS GRAPH
 *
 * A test holds the names in here against those in the header.
 */
#include "check.h"

/* Not there, but with a length; and a byte that no UTF-8 has. */
static const wst_str NONE = {NULL, 5};
static const wst_str BAD = {"\xff", 1};

/* On Unix a path may be any bytes. */
#ifdef _WIN32
#define BAD_PATH(error, code) CHECK(fails(error, WST_INVALID, "UTF-8"))
#else
#define BAD_PATH(error, code) CHECK(fails(error, code, ""))
#endif

static wst_engine *engine;
static wst_graph *graph;
static wst_job *job;
static wst_value *number;

static void process(void)
{
    CHECK(wst_abi_version() == WST_ABI_VERSION);
    CHECK(is(wst_version(), WST_VERSION));
}

static void errors(void)
{
    wst_error *error = wst_error_new(WST_NODE, NONE);
    CHECK(fails(error, WST_INVALID, "message"));
    CHECK(fails(wst_error_new(WST_NODE, BAD), WST_INVALID, "UTF-8"));
    CHECK(wst_error_code(NULL) == WST_OK && wst_error_message(NULL).len == 0 && wst_error_message(NULL).data[0] == 0);
    CHECK(wst_error_place(NULL, 0, NULL, NULL, NULL, NULL) == 0);
    wst_error_free(NULL);
}

static void values(void)
{
    wst_value *value = NULL, *flag = wst_value_bool(1), *real = wst_value_float(0.5);
    wst_image image = WST_IMAGE_INIT;
    wst_digest digest;
    wst_tensor tensor;
    wst_str view;
    int64_t whole;
    uint64_t large;
    double fraction;
    int truth;

    CHECK(fails(wst_value_text(NONE, &value), WST_INVALID, "text"));
    CHECK(fails(wst_value_text(BAD, &value), WST_INVALID, "UTF-8"));
    CHECK(fails(wst_value_text(text("a"), NULL), WST_INVALID, "out"));
    CHECK(fails(wst_value_tensor(NULL, &value), WST_INVALID, "tensor"));
    memset(&tensor, 0, sizeof tensor);
    CHECK(fails(wst_value_tensor(&tensor, NULL), WST_INVALID, "out"));
    CHECK(fails(wst_value_tensor(&tensor, &value), WST_INVALID, "0x0 is none"));
    tensor.dtype = WST_U8;
    tensor.rank = 1;
    CHECK(fails(wst_value_tensor(&tensor, &value), WST_INVALID, "shape of the tensor: is NULL"));
    CHECK(wst_value_type(NULL) == WST_NONE && wst_value_type(flag) == WST_BOOL && wst_value_type(real) == WST_FLOAT);
    CHECK(fails(wst_value_as_bool(NULL, &truth), WST_INVALID, "value"));
    CHECK(fails(wst_value_as_bool(flag, NULL), WST_INVALID, "out"));
    CHECK(fails(wst_value_as_bool(number, &truth), WST_INVALID, "wants bool"));
    CHECK(fails(wst_value_as_int(NULL, &whole), WST_INVALID, "value"));
    CHECK(fails(wst_value_as_int(number, NULL), WST_INVALID, "out"));
    CHECK(fails(wst_value_as_int(real, &whole), WST_INVALID, "wants int"));
    CHECK(fails(wst_value_as_uint(NULL, &large), WST_INVALID, "value"));
    CHECK(fails(wst_value_as_uint(number, NULL), WST_INVALID, "out"));
    CHECK(fails(wst_value_as_uint(real, &large), WST_INVALID, "wants int"));
    CHECK(fails(wst_value_as_float(NULL, &fraction), WST_INVALID, "value"));
    CHECK(fails(wst_value_as_float(real, NULL), WST_INVALID, "out"));
    CHECK(fails(wst_value_as_float(flag, &fraction), WST_INVALID, "wants float"));
    CHECK(fails(wst_value_as_text(NULL, &view), WST_INVALID, "value"));
    CHECK(fails(wst_value_as_text(number, NULL), WST_INVALID, "out"));
    CHECK(fails(wst_value_as_text(number, &view), WST_INVALID, "wants text"));
    CHECK(fails(wst_value_as_tensor(NULL, &tensor), WST_INVALID, "value"));
    CHECK(fails(wst_value_as_tensor(number, NULL), WST_INVALID, "out"));
    CHECK(fails(wst_value_as_tensor(number, &tensor), WST_INVALID, "a tensor"));
    CHECK(fails(wst_value_as_path(NULL, &view), WST_INVALID, "value"));
    CHECK(fails(wst_value_as_path(number, NULL), WST_INVALID, "out"));
    CHECK(fails(wst_value_as_path(number, &view), WST_INVALID, "a model or file"));
    CHECK(fails(wst_value_read(NULL, WST_U8, &whole, 8), WST_INVALID, "value"));
    CHECK(fails(wst_value_copy(NULL, &image), WST_INVALID, "value"));
    CHECK(fails(wst_value_copy(number, NULL), WST_INVALID, "a tensor"));
    CHECK(fails(wst_value_image(NULL, &value), WST_INVALID, "from"));
    CHECK(fails(wst_value_image(&image, NULL), WST_INVALID, "out"));
    image.struct_size = 7;
    CHECK(fails(wst_value_image(&image, &value), WST_INVALID, "struct_size is 7"));
    CHECK(fails(wst_value_digest(NULL, &digest), WST_INVALID, "value"));
    CHECK(fails(wst_value_digest(number, NULL), WST_INVALID, "out"));
    CHECK(wst_value_clone(NULL) == NULL && value == NULL);
    wst_value_free(NULL);
    wst_value_free(flag);
    wst_value_free(real);
}

static void engines(void)
{
    wst_options options = WST_OPTIONS_INIT;
    wst_engine *other = NULL;
    wst_value *report = NULL;
    wst_kinds *kinds = NULL;
    wst_kind kind = WST_KIND_INIT;
    wst_port port = WST_PORT_INIT;
    wst_node_kind node = WST_NODE_KIND_INIT;
    wst_asset asset = WST_ASSET_INIT;
    wst_str *fields[9];
    static const char *const names[9] = {"runtime", "models",  "devices",       "cache_folder",
                                         "files",   "outputs", "stage_devices", "stage_threads",
                                         "lora"};
    size_t field;

    CHECK(fails(wst_engine_new(&options, NULL), WST_INVALID, "out"));
    fields[0] = &options.runtime;
    fields[1] = &options.models;
    fields[2] = &options.devices;
    fields[3] = &options.cache_folder;
    fields[4] = &options.files;
    fields[5] = &options.outputs;
    fields[6] = &options.stage_devices;
    fields[7] = &options.stage_threads;
    fields[8] = &options.lora;
    for (field = 0; field < 9; field++) {
        *fields[field] = NONE;
        CHECK(fails(wst_engine_new(&options, &other), WST_INVALID, names[field]));
        if (strstr(names[field], "device") || strstr(names[field], "thread")) {
            *fields[field] = BAD;
            CHECK(fails(wst_engine_new(&options, &other), WST_INVALID, names[field]));
        }
        *fields[field] = text("");
    }
    options.stage_devices = text("pryor=cpu");
    CHECK(fails(wst_engine_new(&options, &other), WST_INVALID, "pryor"));
    options.stage_devices = text("prior=abacus");
    CHECK(fails(wst_engine_new(&options, &other), WST_INVALID, "abacus"));
    options.struct_size = 8;
    CHECK(fails(wst_engine_new(&options, &other), WST_INVALID, "struct_size is 8"));
    CHECK(!other);

    CHECK(fails(wst_engine_report(NULL, &report), WST_INVALID, "engine"));
    CHECK(fails(wst_engine_report(engine, NULL), WST_INVALID, "out"));
    wst_engine_release(NULL);
    wst_engine_free(NULL);

    CHECK(fails(wst_engine_kinds(NULL, &kinds), WST_INVALID, "engine"));
    CHECK(fails(wst_engine_kinds(engine, NULL), WST_INVALID, "out"));
    CHECK(good(wst_engine_kinds(engine, &kinds)));
    CHECK(wst_kinds_count(NULL) == 0);
    CHECK(fails(wst_kinds_at(NULL, 0, &kind), WST_INVALID, "kinds"));
    CHECK(fails(wst_kinds_at(kinds, 0, NULL), WST_INVALID, "out"));
    kind.struct_size = 79;
    CHECK(fails(wst_kinds_at(kinds, 0, &kind), WST_INVALID, "struct_size is 79"));
    CHECK(fails(wst_kinds_input(NULL, 0, 0, &port), WST_INVALID, "kinds"));
    CHECK(fails(wst_kinds_input(kinds, 0, 0, NULL), WST_INVALID, "out"));
    CHECK(fails(wst_kinds_input(kinds, 100000, 0, &port), WST_INVALID, "index"));
    CHECK(fails(wst_kinds_output(NULL, 0, 0, &port), WST_INVALID, "kinds"));
    CHECK(fails(wst_kinds_output(kinds, 0, 0, NULL), WST_INVALID, "out"));
    wst_kinds_free(kinds);
    wst_kinds_free(NULL);

    CHECK(fails(wst_engine_add(NULL, &node), WST_INVALID, "engine"));
    CHECK(fails(wst_engine_add(engine, NULL), WST_INVALID, "node"));
    CHECK(fails(wst_engine_add(engine, &node), WST_INVALID, "namespace.name"));
    node.kind = BAD;
    CHECK(fails(wst_engine_add(engine, &node), WST_INVALID, "kind"));
    node.kind = text("test.node");
    node.signature = BAD;
    CHECK(fails(wst_engine_add(engine, &node), WST_INVALID, "signature"));
    node.signature = text("->");
    CHECK(fails(wst_engine_add(engine, &node), WST_INVALID, "run of `test.node`"));
    node.struct_size = 9;
    CHECK(fails(wst_engine_add(engine, &node), WST_INVALID, "struct_size is 9"));
    CHECK(fails(wst_engine_add_graph(NULL, text("a.b"), text("a")), WST_INVALID, "engine"));
    CHECK(fails(wst_engine_add_graph(engine, BAD, text("a")), WST_INVALID, "kind"));
    CHECK(fails(wst_engine_add_graph(engine, text("a.b"), NONE), WST_INVALID, "yaml"));
    CHECK(fails(wst_engine_add_graph(engine, text("a.b"), BAD), WST_INVALID, "yaml"));
    CHECK(fails(wst_engine_open_graph(NULL, text("a.b"), text("a")), WST_INVALID, "engine"));
    CHECK(fails(wst_engine_open_graph(engine, BAD, text("a")), WST_INVALID, "kind"));
    CHECK(fails(wst_engine_open_graph(engine, text("a.b"), NONE), WST_INVALID, "path"));
    BAD_PATH(wst_engine_open_graph(engine, text("a.b"), BAD), WST_FILE);
    CHECK(fails(wst_engine_add_file(NULL, text("a"), &asset), WST_INVALID, "engine"));
    CHECK(fails(wst_engine_add_file(engine, text("a"), NULL), WST_INVALID, "asset"));
    CHECK(fails(wst_engine_add_file(engine, NONE, &asset), WST_INVALID, "name"));
    CHECK(fails(wst_engine_add_file(engine, BAD, &asset), WST_INVALID, "UTF-8"));
    CHECK(fails(wst_engine_add_file(engine, text("../a"), &asset), WST_INVALID, "models folder"));
    asset.size = 3;
    CHECK(fails(wst_engine_add_file(engine, text("a"), &asset), WST_INVALID, "data"));
    asset.struct_size = 7;
    CHECK(fails(wst_engine_add_file(engine, text("a"), &asset), WST_INVALID, "struct_size is 7"));
    CHECK(fails(wst_engine_load(NULL, text("a")), WST_INVALID, "engine"));
    CHECK(fails(wst_engine_load(engine, NONE), WST_INVALID, "path"));
    BAD_PATH(wst_engine_load(engine, BAD), WST_NOT_FOUND);
}

/* A call is looked up, and what is none, or is over, is not found. */
static void calls(void)
{
    int place = 0;
    wst_call *call[2];
    size_t which;
    const wst_value *value = NULL;

    call[0] = NULL;
    call[1] = (wst_call *)(void *)&place;
    for (which = 0; which < 2; which++) {
        CHECK(wst_call_has(call[which], 0) == 0);
        CHECK(fails(wst_call_argument(call[which], 0, &value), WST_INVALID, "call"));
        CHECK(fails(wst_call_argument(call[which], 0, NULL), WST_INVALID, "out"));
        CHECK(fails(wst_call_result(call[which], 0, number), WST_INVALID, "call"));
        CHECK(wst_call_step(call[which], 0, 1) == 0 && wst_call_wants_preview(call[which]) == 0);
        CHECK(fails(wst_call_preview(call[which], NULL), WST_INVALID, "rgb"));
        CHECK(fails(wst_call_warn(call[which], text("a")), WST_INVALID, "call"));
        CHECK(fails(wst_call_warn(call[which], BAD), WST_INVALID, "message"));
        CHECK(wst_call_node(call[which]).len == 0);
    }
}

static void graphs(void)
{
    wst_graph *other = NULL;
    wst_port port = WST_PORT_INIT;
    wst_node shown = WST_NODE_INIT;
    wst_digest digest;
    wst_change change = {{"a.b", 3}, {"c", 1}, NULL};
    wst_value *left = NULL;

    CHECK(fails(wst_graph_new(NULL, text("a"), &other), WST_INVALID, "engine"));
    CHECK(fails(wst_graph_new(engine, NONE, &other), WST_INVALID, "yaml"));
    CHECK(fails(wst_graph_new(engine, BAD, &other), WST_INVALID, "yaml"));
    CHECK(fails(wst_graph_new(engine, text("a"), NULL), WST_INVALID, "out"));
    CHECK(fails(wst_graph_open(NULL, text("a"), &other), WST_INVALID, "engine"));
    CHECK(fails(wst_graph_open(engine, NONE, &other), WST_INVALID, "path"));
    BAD_PATH(wst_graph_open(engine, BAD, &other), WST_FILE);
    CHECK(fails(wst_graph_open(engine, text("a"), NULL), WST_INVALID, "out"));
    CHECK(fails(wst_graph_open_without_models(NULL, text("a"), &other), WST_INVALID, "engine"));
    CHECK(fails(wst_graph_open_without_models(engine, NONE, &other), WST_INVALID, "path"));
    CHECK(fails(wst_graph_open_without_models(engine, text("a"), NULL), WST_INVALID, "out"));
    CHECK(fails(wst_graph_left_out(NULL, 0, &left), WST_INVALID, "graph"));
    CHECK(fails(wst_graph_left_out(graph, 99, &left), WST_INVALID, "beyond the end"));
    CHECK(fails(wst_graph_left_out(graph, 0, NULL), WST_INVALID, "out") && !left);
    CHECK(fails(wst_graph_digest(NULL, &digest), WST_INVALID, "graph"));
    CHECK(fails(wst_graph_digest(graph, NULL), WST_INVALID, "out"));
    CHECK(!wst_graph_missing_model(NULL, 0, NULL, NULL) && !wst_graph_missing_model(graph, 0, NULL, NULL));
    CHECK(fails(wst_graph_new_with(NULL, text("a"), &change, 1, &other), WST_INVALID, "engine"));
    CHECK(fails(wst_graph_new_with(engine, BAD, &change, 1, &other), WST_INVALID, "yaml"));
    CHECK(fails(wst_graph_new_with(engine, text("a"), NULL, 1, &other), WST_INVALID, "changes"));
    CHECK(fails(wst_graph_new_with(engine, text("a"), &change, 1, NULL), WST_INVALID, "out"));
    change.text = BAD;
    CHECK(fails(wst_graph_new_with(engine, text("a"), &change, 1, &other), WST_INVALID, "text of change 0"));
    change.name = NONE;
    CHECK(fails(wst_graph_new_with(engine, text("a"), &change, 1, &other), WST_INVALID, "name of change 0"));
    CHECK(!other);

    CHECK(wst_graph_input_count(NULL) == 0 && wst_graph_output_count(NULL) == 0 && wst_graph_node_count(NULL) == 0);
    CHECK(fails(wst_graph_input(NULL, 0, &port), WST_INVALID, "graph"));
    CHECK(fails(wst_graph_input(graph, 0, NULL), WST_INVALID, "out"));
    CHECK(fails(wst_graph_output(NULL, 0, &port), WST_INVALID, "graph"));
    CHECK(fails(wst_graph_output(graph, 0, NULL), WST_INVALID, "out"));
    CHECK(fails(wst_graph_node(NULL, 0, &shown), WST_INVALID, "graph"));
    CHECK(fails(wst_graph_node(graph, 0, NULL), WST_INVALID, "out"));
    port.struct_size = 0;
    CHECK(fails(wst_graph_output(graph, 0, &port), WST_INVALID, "struct_size is 0"));
    shown.struct_size = 1u << 20;
    CHECK(fails(wst_graph_node(graph, 0, &shown), WST_INVALID, "struct_size is 1048576"));
    wst_graph_free(NULL);
}

static void jobs(void)
{
    wst_job *other = NULL;
    wst_value *value = NULL;
    wst_digest digest;
    wst_observer observer = WST_OBSERVER_INIT;
    wst_str output = text("image");

    CHECK(fails(wst_job_new(NULL, &other), WST_INVALID, "graph"));
    CHECK(fails(wst_job_new(graph, NULL), WST_INVALID, "out"));
    CHECK(fails(wst_job_set(NULL, text("seed"), number), WST_INVALID, "job"));
    CHECK(fails(wst_job_set(job, NONE, number), WST_INVALID, "input"));
    CHECK(fails(wst_job_set(job, BAD, number), WST_INVALID, "input"));
    CHECK(fails(wst_job_set(job, text("seed"), NULL), WST_INVALID, "value"));
    CHECK(fails(wst_job_set_text(NULL, text("seed"), text("1")), WST_INVALID, "job"));
    CHECK(fails(wst_job_set_text(job, BAD, text("1")), WST_INVALID, "input"));
    CHECK(fails(wst_job_set_text(job, text("seed"), NONE), WST_INVALID, "text"));
    CHECK(fails(wst_job_set_text(job, text("seed"), BAD), WST_INVALID, "text"));
    CHECK(fails(wst_job_unset(NULL, text("seed")), WST_INVALID, "job"));
    CHECK(fails(wst_job_unset(job, BAD), WST_INVALID, "input"));
    CHECK(fails(wst_job_digest(NULL, output, &digest), WST_INVALID, "job"));
    CHECK(fails(wst_job_digest(job, BAD, &digest), WST_INVALID, "output"));
    CHECK(fails(wst_job_digest(job, output, NULL), WST_INVALID, "out"));
    CHECK(fails(wst_job_xmp(NULL, output, &value), WST_INVALID, "job"));
    CHECK(fails(wst_job_xmp(job, BAD, &value), WST_INVALID, "output"));
    CHECK(fails(wst_job_xmp(job, output, NULL), WST_INVALID, "out"));
    CHECK(fails(wst_job_get(NULL, output, NULL, &value), WST_INVALID, "job"));
    CHECK(fails(wst_job_get(job, NONE, NULL, &value), WST_INVALID, "output"));
    CHECK(fails(wst_job_get(job, BAD, NULL, &value), WST_INVALID, "output"));
    CHECK(fails(wst_job_get(job, output, NULL, NULL), WST_INVALID, "out"));
    observer.struct_size = 12;
    CHECK(fails(wst_job_get(job, output, &observer, &value), WST_INVALID, "struct_size is 12"));
    CHECK(fails(wst_job_save(NULL, text("image"), text("/nowhere/a.png"), NULL, 0), WST_INVALID, "job"));
    CHECK(fails(wst_job_save(job, BAD, text("/nowhere/a.png"), NULL, 0), WST_INVALID, "output"));
    CHECK(fails(wst_job_save(job, text("image"), NONE, NULL, 0), WST_INVALID, "path"));
    CHECK(fails(wst_job_save(job, text("image"), text("/nowhere/a.jpg"), NULL, 0), WST_INVALID, ".png, .npy or .txt"));
    CHECK(fails(wst_job_save(job, text("image"), text("/nowhere/a.txt"), NULL, 0), WST_INVALID, "write it as .npy"));
    CHECK(fails(wst_job_save(job, text("image"), text("/nowhere/a.png"), NULL, 2), WST_INVALID, "flags"));
    CHECK(fails(wst_job_get_all(NULL, &output, 1, NULL, &value), WST_INVALID, "job"));
    CHECK(fails(wst_job_get_all(job, NULL, 1, NULL, &value), WST_INVALID, "outputs"));
    CHECK(fails(wst_job_get_all(job, &BAD, 1, NULL, &value), WST_INVALID, "outputs"));
    CHECK(fails(wst_job_get_all(job, &output, 1, NULL, NULL), WST_INVALID, "values"));
    CHECK(good(wst_job_get_all(job, NULL, 0, NULL, NULL)));
    CHECK(fails(wst_job_report(NULL, &value), WST_INVALID, "job"));
    CHECK(fails(wst_job_report(job, NULL), WST_INVALID, "out"));
    CHECK(!other && !value);
    wst_job_cancel(NULL);
    wst_job_free(NULL);
}

static void runs(void)
{
    wst_run *run = NULL;
    wst_str output = text("image");
    wst_observer observer = WST_OBSERVER_INIT;
    wst_status status = WST_STATUS_INIT;
    wst_value *value = NULL;

    CHECK(fails(wst_job_start(NULL, &output, 1, NULL, &run), WST_INVALID, "job"));
    CHECK(fails(wst_job_start(job, NULL, 1, NULL, &run), WST_INVALID, "outputs"));
    CHECK(fails(wst_job_start(job, &BAD, 1, NULL, &run), WST_INVALID, "outputs"));
    CHECK(fails(wst_job_start(job, &output, 1, NULL, NULL), WST_INVALID, "out"));
    observer.struct_size = 12;
    CHECK(fails(wst_job_start(job, &output, 1, &observer, &run), WST_INVALID, "struct_size is 12"));
    CHECK(!run && good(wst_job_start(job, &output, 1, NULL, &run)));
    CHECK(fails(wst_run_poll(NULL, &status), WST_INVALID, "run"));
    CHECK(fails(wst_run_poll(run, NULL), WST_INVALID, "out"));
    status.struct_size = 3;
    CHECK(fails(wst_run_poll(run, &status), WST_INVALID, "struct_size is 3"));
    CHECK(fails(wst_run_preview(NULL, &value), WST_INVALID, "run"));
    CHECK(fails(wst_run_preview(run, NULL), WST_INVALID, "out"));
    CHECK(wst_run_warning(NULL, 0, NULL, NULL) == 0 && wst_run_wait(NULL, -1) == 1);
    CHECK(fails(wst_run_take(NULL, &value, 1), WST_INVALID, "run"));
    /* Refused before the result is taken, which stays. */
    CHECK(fails(wst_run_take(run, NULL, 1), WST_INVALID, "values"));
    CHECK(fails(wst_run_take(run, &value, 1), WST_INVALID, "prompt"));
    wst_run_cancel(NULL);
    wst_run_free(run);
    wst_run_free(NULL);
}

int main(int argc, char **argv)
{
    wst_options setup = WST_OPTIONS_INIT;

    if (argc != 3)
        return 2;
    number = wst_value_int(1);
    wst_value_free(wst_value_uint(1));
    setup.models = text(argv[1]);
    CHECK(good(wst_engine_new(NULL, &engine)));
    wst_engine_free(engine);
    CHECK(good(wst_engine_new(&setup, &engine)));
    CHECK(good(wst_graph_open(engine, text(argv[2]), &graph)) && good(wst_job_new(graph, &job)));
    process();
    errors();
    values();
    engines();
    calls();
    graphs();
    jobs();
    runs();
    wst_job_free(job);
    wst_graph_free(graph);
    wst_engine_free(engine);
    wst_value_free(number);
    return wrong;
}
