/* runtime.c: which ONNX Runtime is used.   runtime MODELS HOW [LIBRARY]
 *
 * HOW: "found", wherever it is; "named", as the option; "based", by the host's OrtApiBase; "loaded", which the host has
 * done; "missing", when there is none; "refused", when another one, or one that is too old, is asked for. Computes
 * something, and prints the path of the library that did.
 */
#include <dlfcn.h>

#include "check.h"

static const char *GRAPH =
    "wuerstchen: 1\n"
    "nodes:\n"
    "  tokens: { use: wuerst.tokenize, with: { text: a red apple, model: text-encoder } }\n"
    "  text: { use: wuerst.text_encode, with: { ids: $tokens.ids, mask: $tokens.mask, model: text-encoder } }\n"
    "outputs: { states: $text.states }\n";

/* The states of a text, in an engine of its own. */
static wst_error *states(const wst_options *options, wst_engine **engine)
{
    wst_graph *graph = NULL;
    wst_job *job = NULL;
    wst_value *value = NULL;
    wst_error *error = wst_engine_new(options, engine);
    if (!error)
        error = wst_graph_new(*engine, text(GRAPH), &graph);
    if (!error)
        error = wst_job_new(graph, &job);
    if (!error)
        error = wst_job_get(job, text("states"), NULL, &value);
    CHECK(error || wst_value_type(value) == WST_TENSOR);
    wst_value_free(value);
    wst_job_free(job);
    wst_graph_free(graph);
    return error;
}

/* The path in the engine's report. */
static void print_path(const wst_engine *engine)
{
    wst_value *report = NULL;
    wst_str json;
    size_t start, end;
    const char *key = "\"runtime\":\"";

    CHECK(good(wst_engine_report(engine, &report)) && good(wst_value_as_text(report, &json)));
    for (start = 0; start + strlen(key) < json.len; start++)
        if (memcmp(json.data + start, key, strlen(key)) == 0)
            break;
    start += strlen(key);
    for (end = start; end < json.len && json.data[end] != '"'; end++)
        putchar(json.data[end]);
    putchar('\n');
    CHECK(holds(json, "\"device\":\"cpu\"") && holds(json, "text-encoder.onnx") && holds(json, "\"refused\":[]"));
    wst_value_free(report);
}

typedef const void *(*get_base)(void);

static const void *base(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    get_base get = NULL;
    void *symbol = library ? dlsym(library, "OrtGetApiBase") : NULL;
    CHECK(symbol != NULL);
    memcpy(&get, &symbol, sizeof get);
    return get ? get() : NULL;
}

static const char *old_version(void)
{
    return "1.17.3";
}

static const void *no_api(uint32_t version)
{
    CHECK(version == 0 && !"asked for an API that it does not have");
    return NULL;
}

/* An OrtApiBase as one of an ONNX Runtime that is too old. */
static const struct {
    const void *(*get_api)(uint32_t version);
    const char *(*get_version_string)(void);
} OLD = {no_api, old_version};

static void refused(wst_options options, const char *library)
{
    wst_engine *engine = NULL, *first = NULL;

    options.ort_api_base = &OLD;
    CHECK(fails(states(&options, &engine), WST_RUNTIME, "the host's ONNX Runtime is 1.17.3, and 1.24 or later"));
    wst_engine_free(engine);
    options.ort_api_base = NULL;
    options.runtime = text("/nowhere/libonnxruntime.so");
    CHECK(fails(states(&options, &engine), WST_NOT_FOUND, "/nowhere/libonnxruntime.so"));
    wst_engine_free(engine);
    options.runtime = text("/bin/sh");
    CHECK(fails(states(&options, &engine), WST_RUNTIME, "cannot be loaded"));
    wst_engine_free(engine);

    /* After all of this a good one works; and then no other does, which is said. */
    options.runtime = text(library);
    CHECK(good(states(&options, &first)));
    options.runtime = text("/bin/sh");
    CHECK(fails(states(&options, &engine), WST_RUNTIME, "is loaded already, and a process can use only one"));
    wst_engine_free(engine);
    options.runtime = text("");
    options.ort_api_base = &OLD;
    CHECK(fails(states(&options, &engine), WST_RUNTIME, "the host's own was asked for"));
    wst_engine_free(engine);
    options.ort_api_base = base(library);
    CHECK(good(states(&options, &engine)));
    wst_engine_free(engine);
    print_path(first);
    wst_engine_free(first);
}

int main(int argc, char **argv)
{
    wst_options options = WST_OPTIONS_INIT;
    wst_engine *engine = NULL;
    const char *how;

    if (argc < 3)
        return 2;
    how = argv[2];
    options.models = text(argv[1]);
    if (strcmp(how, "refused") == 0) {
        refused(options, argv[3]);
        return wrong;
    }
    if (strcmp(how, "named") == 0)
        options.runtime = text(argv[3]);
    if (strcmp(how, "based") == 0)
        options.ort_api_base = base(argv[3]);
    if (strcmp(how, "loaded") == 0)
        base(argv[3]);
    if (strcmp(how, "missing") == 0) {
        wst_error *error = states(&options, &engine);
        CHECK(wst_error_code(error) == WST_NOT_FOUND);
        printf("%s\n", wst_error_message(error).data);
        wst_error_free(error);
    } else {
        CHECK(good(states(&options, &engine)));
        print_path(engine);
    }
    wst_engine_free(engine);
    return wrong;
}
