/* nodes.c: nodes that a host adds, good ones and bad ones. Prints what is wrong, and exits with how much. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "wuerst.h"

static int wrong;

#define CHECK(condition)                                                    \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition);         \
            wrong++;                                                        \
        }                                                                   \
    } while (0)

static wst_str text(const char *chars) { return wst_str_of(chars); }

/* Whether the call failed with this code, and said that. Frees the error. */
static int fails(wst_error *error, wst_code code, const char *part)
{
    int good = wst_error_code(error) == code && strstr(wst_error_message(error).data, part);
    if (!good)
        fprintf(stderr, "code %d: %s\n", (int)wst_error_code(error), wst_error_message(error).data);
    wst_error_free(error);
    return good;
}

/* What the node's function is to do, what it did, and the call that it was given. */
struct state {
    const char *task;
    int runs, drops;
    wst_call *call;
    const wst_value *text;
};

static wst_error *give(wst_call *call, wst_value *value)
{
    wst_error *error = wst_call_result(call, 0, value);
    wst_value_free(value);
    return error;
}

static int is(const struct state *state, const char *task) { return strcmp(state->task, task) == 0; }

/* test.node: n: int, name: text?, x: f32[k]? -> y: int */
static wst_error *run(void *user, wst_call *call)
{
    struct state *state = (struct state *)user;
    const wst_value *value = NULL;
    int64_t n = 0;
    wst_str name;
    uint32_t step;
    wst_error *error;

    state->runs++;
    state->call = call;
    CHECK(!wst_call_argument(call, 0, &value) && !wst_value_as_int(value, &n));
    CHECK(!wst_call_argument(call, 1, &state->text));
    name = wst_call_node(call);
    CHECK(name.len == 1 && name.data[0] == 'a');
    if (is(state, "nothing"))
        return NULL;
    if (is(state, "null"))
        return wst_call_result(call, 0, NULL);
    if (is(state, "ignored null")) {
        wst_error_free(wst_call_result(call, 0, NULL));
        return NULL;
    }
    if (is(state, "type"))
        return give(call, wst_value_float(1.5));
    if (is(state, "index"))
        return wst_call_result(call, 1, value);
    if (is(state, "argument"))
        return wst_call_argument(call, 3, &value);
    if (is(state, "out"))
        return wst_call_argument(call, 0, NULL);
    if (is(state, "error"))
        return wst_error_new(WST_OUT_OF_MEMORY, text("the abacus is full"));
    if (is(state, "own error"))
        return wst_error_new(4711, text("own words"));
    if (is(state, "not text"))
        return wst_call_warn(call, text("\xff"));
    if (is(state, "preview")) {
        int64_t shape[1] = {3};
        wst_tensor rgb = {WST_U8, 1, NULL, "abc"};
        rgb.shape = shape;
        return wst_call_preview(call, &rgb);
    }
    for (step = 0; is(state, "steps") && step < 10; step++)
        if (!wst_call_step(call, step, 10))
            return wst_error_new(WST_NODE, text("as I was told to stop"));
    CHECK(!(error = wst_call_warn(call, text("listen"))));
    wst_error_free(error);
    return give(call, wst_value_int(n + 1));
}

static wst_error *check(void *user, wst_call *known)
{
    const wst_value *value = NULL;
    int64_t n = 0;
    (void)user;
    CHECK(wst_call_step(known, 1, 2) == 1 && wst_call_node(known).len == 0 && !wst_call_wants_preview(known));
    CHECK(!wst_call_argument(known, 0, &value));
    CHECK(fails(wst_call_result(known, 0, value), WST_INVALID, "check"));
    if (value && !wst_value_as_int(value, &n) && n == 13)
        return wst_error_new(WST_INVALID, text("n: is thirteen"));
    if (value && n == 14)
        return wst_error_new(WST_NOT_FOUND, text("n: is fourteen"));
    return NULL;
}

static void drop(void *user) { ((struct state *)user)->drops++; }

static wst_node_kind described(struct state *state)
{
    wst_node_kind node = WST_NODE_KIND_INIT;
    node.kind = text("test.node");
    node.signature = text("n: int, name: text?, x: f32[k]? -> y: int");
    node.about = text("Adds one.");
    node.ports = text("n: A number.\ny: The next one.\n");
    node.run = run;
    node.check = check;
    node.drop = drop;
    node.user = state;
    return node;
}

static void refused(wst_engine *engine)
{
    struct state state = {"", 0, 0, NULL, NULL};
    wst_node_kind node = described(&state);
    CHECK(fails(wst_engine_add(NULL, &node), WST_INVALID, "engine"));
    CHECK(fails(wst_engine_add(engine, NULL), WST_INVALID, "node: is NULL"));
    node.struct_size = 0;
    CHECK(fails(wst_engine_add(engine, &node), WST_INVALID, "_INIT"));
    node = described(&state);
    node.kind = text("node");
    CHECK(fails(wst_engine_add(engine, &node), WST_INVALID, "`node` is not of the form"));
    node.kind = text("wuerst.prior");
    CHECK(fails(wst_engine_add(engine, &node), WST_INVALID, "`wuerst.prior` is registered already"));
    node = described(&state);
    node.signature = text("n: int");
    CHECK(fails(wst_engine_add(engine, &node), WST_INVALID, "signature of `test.node`: column 7"));
    node = described(&state);
    node.ports = text("m: Not there.");
    CHECK(fails(wst_engine_add(engine, &node), WST_NOT_FOUND, "no port `m`"));
    node = described(&state);
    node.flags = 6;
    CHECK(fails(wst_engine_add(engine, &node), WST_INVALID, "flags"));
    node = described(&state);
    node.run = NULL;
    CHECK(fails(wst_engine_add(engine, &node), WST_INVALID, "run"));
    CHECK(state.drops == 0);
}

struct seen {
    wst_job *job;
    int steps, warnings;
};

static void progress(void *user, wst_str node, uint32_t done, uint32_t of)
{
    struct seen *seen = (struct seen *)user;
    CHECK(node.len == 1 && of == 10);
    if (done == 2)
        wst_job_cancel(seen->job);
    seen->steps++;
}

static void preview(void *user, wst_str node, const wst_tensor *rgb)
{
    (void)user;
    (void)node;
    CHECK(rgb == NULL);
}

static void warning(void *user, wst_str node, wst_str message)
{
    CHECK(node.len == 1 && message.len == 6);
    ((struct seen *)user)->warnings++;
}

static const char *const GRAPH = "wuerstchen: 1\ninputs: { n: int, name: text? }\nnodes:\n"
                                 "  a: { use: test.node, with: { n: $n, name: $name } }\noutputs: { y: $a.y }\n";

/* A graph file as a node: the folder holds it, as part.yaml, and the text that it names. */
static void opened(const char *folder)
{
    char path[4096];
    wst_engine *engine = NULL;
    wst_graph *graph = NULL;
    wst_job *job = NULL;
    wst_value *value = NULL;
    wst_str words = {0, 0};
    const char *use = "{wuerstchen: 1, nodes: {a: {use: test.part}}, outputs: {y: $a.text}}";

    CHECK(!wst_engine_new(NULL, &engine));
    CHECK(fails(wst_engine_open_graph(engine, text("test.part"), text("/nowhere.yaml")), WST_FILE, "/nowhere.yaml"));
    snprintf(path, sizeof path, "%s/part.yaml", folder);
    CHECK(!wst_engine_open_graph(engine, text("test.part"), text(path)));
    CHECK(fails(wst_engine_open_graph(engine, text("test.part"), text(path)), WST_INVALID, "registered already"));
    CHECK(!wst_graph_new(engine, text(use), &graph) && !wst_job_new(graph, &job));
    CHECK(!wst_job_get(job, text("y"), NULL, &value) && !wst_value_as_text(value, &words));
    CHECK(words.len == 5 && memcmp(words.data, "words", 5) == 0);
    wst_value_free(value);
    wst_job_free(job);
    wst_graph_free(graph);
    wst_engine_free(engine);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *task;
        wst_code code;
        const char *says;
    } bad[] = {{"nothing", WST_INVALID, "`a`: output `y`: the node did not return it"},
               {"null", WST_INVALID, "`a`: value: is NULL"},
               {"ignored null", WST_INVALID, "`a`: output `y`"},
               {"type", WST_INVALID, "`a`: output `y`: wants int, got float"},
               {"index", WST_INVALID, "`a`: index: 1 is not an output: the signature has 1"},
               {"argument", WST_INVALID, "`a`: index: 3 is not an input: the signature has 3"},
               {"out", WST_INVALID, "`a`: out: is NULL"},
               {"error", WST_OUT_OF_MEMORY, "`a`: the abacus is full"},
               {"own error", WST_NODE, "`a`: own words"},
               {"not text", WST_INVALID, "`a`: message: is not UTF-8"},
               {"preview", WST_INVALID, "`a`: rgb: wants u8[h,w,3], got u8[3]"}};
    struct state state = {"", 0, 0, NULL, NULL}, often = {"", 0, 0, NULL, NULL};
    struct seen seen = {NULL, 0, 0};
    wst_observer observer = WST_OBSERVER_INIT;
    wst_engine *engine = NULL;
    wst_graph *graph = NULL;
    wst_job *job = NULL;
    wst_value *value = NULL;
    const wst_value *argument = NULL;
    wst_node_kind node = described(&state), volatile_node;
    wst_change changes[2];
    int64_t number = 0;
    size_t i;

    CHECK(!wst_engine_new(NULL, &engine));
    refused(engine);
    CHECK(!wst_engine_add(engine, &node));
    CHECK(fails(wst_engine_add(engine, &node), WST_INVALID, "`test.node` is registered already"));
    volatile_node = described(&often);
    volatile_node.kind = text("test.often");
    volatile_node.flags = WST_KIND_VOLATILE;
    CHECK(!wst_engine_add(engine, &volatile_node));
    CHECK(fails(wst_engine_load(engine, text("/nowhere.so")), WST_NOT_FOUND, "plug-in /nowhere.so"));
    CHECK(fails(wst_engine_load(NULL, text("a")), WST_INVALID, "engine"));

    CHECK(!wst_graph_new(engine, text(GRAPH), &graph));
    CHECK(!wst_job_new(graph, &job));
    seen.job = job;
    observer.progress = progress;
    observer.preview = preview;
    observer.warning = warning;
    observer.user = &seen;
    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        state.task = bad[i].task;
        CHECK(!wst_job_set_text(job, text("n"), text("1")));
        CHECK(fails(wst_job_get(job, text("y"), &observer, &value), bad[i].code, bad[i].says));
        CHECK(value == NULL);
    }
    /* A call that is over. */
    CHECK(fails(wst_call_argument(state.call, 0, &argument), WST_INVALID, "until its function returns"));
    CHECK(fails(wst_call_result(state.call, 0, argument), WST_INVALID, "call"));
    CHECK(!wst_call_step(state.call, 0, 1) && !wst_call_step(NULL, 0, 1) && !wst_call_wants_preview(NULL));
    CHECK(fails(wst_call_argument(NULL, 0, &argument), WST_INVALID, "call: is NULL"));
    CHECK(fails(wst_call_warn(state.call, text("late")), WST_INVALID, "call"));
    CHECK(fails(wst_call_preview(NULL, NULL), WST_INVALID, "NULL") && wst_call_node(NULL).len == 0);

    state.task = "steps";
    CHECK(fails(wst_job_get(job, text("y"), &observer, &value), WST_CANCELLED, "cancelled"));
    CHECK(seen.steps == 3 && seen.warnings == 0);
    state.task = "";
    state.runs = 0;
    CHECK(!wst_job_get(job, text("y"), &observer, &value) && !wst_value_as_int(value, &number) && number == 2);
    CHECK(state.text == NULL && state.runs == 1 && seen.warnings == 1);
    wst_value_free(value);
    CHECK(!wst_job_get(job, text("y"), NULL, &value) && state.runs == 1);
    wst_value_free(value);
    value = NULL;
    CHECK(fails(wst_job_set_text(job, text("n"), text("x")), WST_INVALID, "n"));
    CHECK(!wst_job_set_text(job, text("n"), text("13")));
    CHECK(fails(wst_job_get(job, text("y"), NULL, &value), WST_INVALID, "`a`: n: is thirteen") && state.runs == 1);
    CHECK(!wst_job_set_text(job, text("n"), text("14")));
    CHECK(fails(wst_job_get(job, text("y"), NULL, &value), WST_NOT_FOUND, "`a`: n: is fourteen") && state.runs == 1);
    wst_job_free(job);
    wst_graph_free(graph);
    graph = NULL;

    /* Another kind and another argument, without another file. */
    value = wst_value_int(41);
    changes[0].name = text("a");
    changes[0].text = text("test.often");
    changes[0].value = NULL;
    changes[1].name = text("a.n");
    changes[1].text = text("");
    changes[1].value = value;
    CHECK(!wst_graph_new_with(engine, text(GRAPH), changes, 2, &graph) && !wst_job_new(graph, &job));
    wst_value_free(value);
    for (i = 0; i < 2; i++) {
        CHECK(!wst_job_get(job, text("y"), NULL, &value) && !wst_value_as_int(value, &number) && number == 42);
        wst_value_free(value);
    }
    CHECK(often.runs == 2);
    wst_job_free(job);
    wst_graph_free(graph);
    graph = NULL;
    changes[1].name = text("a.m");
    CHECK(fails(wst_graph_new_with(engine, text(GRAPH), changes, 1, NULL), WST_INVALID, "out"));
    CHECK(fails(wst_graph_new_with(engine, text(GRAPH), NULL, 1, &graph), WST_INVALID, "changes: is NULL"));
    changes[1].value = NULL;
    CHECK(fails(wst_graph_new_with(engine, text(GRAPH), changes, 2, &graph), WST_GRAPH, "has no input `m`"));
    changes[0].text = text("test.oftn");
    CHECK(fails(wst_graph_new_with(engine, text(GRAPH), changes, 1, &graph), WST_GRAPH, "did you mean `test.often`?"));
    changes[0].name = text("b");
    CHECK(fails(wst_graph_new_with(engine, text(GRAPH), changes, 1, &graph), WST_GRAPH, "no node `b`"));
    CHECK(!graph && state.drops == 0);

    wst_engine_free(engine);
    CHECK(state.drops == 1 && often.drops == 1);
    if (argc > 1)
        opened(argv[1]);
    return wrong;
}
