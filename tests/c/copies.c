/* copies.c: two copies of the library in one process.   copies LIBRARY LIBRARY MODELS GRAPH
 *
 * Both compute the same, side by side, with one ONNX Runtime.
 */
#include <dlfcn.h>
#include <pthread.h>

#include <stdio.h>

/* Its functions are looked up in each copy; nothing links against the library. */
#include "wuerst.h"

static int wrong;

#define CHECK(condition)                                                        \
    do {                                                                        \
        if (!(condition)) {                                                     \
            printf("%s:%d: %s\n", __FILE__, __LINE__, #condition);              \
            wrong = 1;                                                          \
        }                                                                       \
    } while (0)

static wst_str text(const char *characters)
{
    return wst_str_of(characters);
}

/* What is used of a copy. */
struct copy {
    wst_error *(*engine_new)(const wst_options *, wst_engine **);
    void (*engine_free)(wst_engine *);
    wst_error *(*graph_open)(const wst_engine *, wst_str, wst_graph **);
    void (*graph_free)(wst_graph *);
    wst_error *(*job_new)(const wst_graph *, wst_job **);
    wst_error *(*job_set_text)(wst_job *, wst_str, wst_str);
    wst_error *(*job_get)(wst_job *, wst_str, const wst_observer *, wst_value **);
    void (*job_free)(wst_job *);
    wst_error *(*value_digest)(const wst_value *, wst_digest *);
    void (*value_free)(wst_value *);
    const char *models, *graph;
    wst_digest digest;
};

static void find(void *library, const char *name, void *into)
{
    void *symbol = dlsym(library, name);
    CHECK(symbol != NULL);
    memcpy(into, &symbol, sizeof symbol);
}

static void open_copy(const char *path, struct copy *copy)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        printf("%s\n", dlerror());
    find(library, "wst_engine_new", &copy->engine_new);
    find(library, "wst_engine_free", &copy->engine_free);
    find(library, "wst_graph_open", &copy->graph_open);
    find(library, "wst_graph_free", &copy->graph_free);
    find(library, "wst_job_new", &copy->job_new);
    find(library, "wst_job_set_text", &copy->job_set_text);
    find(library, "wst_job_get", &copy->job_get);
    find(library, "wst_job_free", &copy->job_free);
    find(library, "wst_value_digest", &copy->value_digest);
    find(library, "wst_value_free", &copy->value_free);
}

static void *use(void *user)
{
    struct copy *copy = (struct copy *)user;
    wst_options options = WST_OPTIONS_INIT;
    wst_engine *engine = NULL;
    wst_graph *graph = NULL;
    wst_job *job = NULL;
    wst_value *image = NULL;

    options.models = text(copy->models);
    CHECK(!copy->engine_new(&options, &engine));
    CHECK(!copy->graph_open(engine, text(copy->graph), &graph));
    CHECK(!copy->job_new(graph, &job));
    CHECK(!copy->job_set_text(job, text("prompt"), text("a red apple")));
    CHECK(!copy->job_set_text(job, text("steps"), text("2")));
    CHECK(!copy->job_get(job, text("image"), NULL, &image));
    CHECK(image && !copy->value_digest(image, &copy->digest));
    copy->value_free(image);
    copy->job_free(job);
    copy->graph_free(graph);
    copy->engine_free(engine);
    return NULL;
}

int main(int argc, char **argv)
{
    struct copy copies[2];
    pthread_t threads[2];
    int at;

    if (argc != 5)
        return 2;
    memset(copies, 0, sizeof copies);
    for (at = 0; at < 2; at++) {
        copies[at].models = argv[3];
        copies[at].graph = argv[4];
        open_copy(argv[1 + at], &copies[at]);
    }
    CHECK(copies[0].engine_new != copies[1].engine_new);
    for (at = 0; at < 2; at++)
        CHECK(pthread_create(&threads[at], NULL, use, &copies[at]) == 0);
    for (at = 0; at < 2; at++)
        CHECK(pthread_join(threads[at], NULL) == 0);
    CHECK(memcmp(copies[0].digest.bytes, copies[1].digest.bytes, 32) == 0);
    return wrong;
}
