/* reload.c: loads the library, runs, unloads it, so many times.   reload LIBRARY MODELS GRAPH [TIMES]
 *
 * A thread that used the library ends after each dlclose. Prints how memory went.
 */
#include <dlfcn.h>
#include <pthread.h>

#include "wuerst.h"

#include <stdio.h>
#include <stdlib.h>

static const char *paths[2];

static void find(void *library, const char *name, void *into)
{
    void *symbol = dlsym(library, name);
    if (!symbol) {
        printf("no %s\n", name);
        exit(1);
    }
    memcpy(into, &symbol, sizeof symbol);
}

static pthread_barrier_t used, closed;

static void *use(void *library)
{
    wst_error *(*engine_new)(const wst_options *, wst_engine **);
    wst_error *(*graph_open)(const wst_engine *, wst_str, wst_graph **);
    wst_error *(*job_new)(const wst_graph *, wst_job **);
    wst_error *(*job_set_text)(wst_job *, wst_str, wst_str);
    wst_error *(*job_get)(wst_job *, wst_str, const wst_observer *, wst_value **);
    void (*engine_free)(wst_engine *);
    void (*graph_free)(wst_graph *);
    void (*job_free)(wst_job *);
    void (*value_free)(wst_value *);
    wst_options options = WST_OPTIONS_INIT;
    wst_engine *engine = NULL;
    wst_graph *graph = NULL;
    wst_job *job = NULL;
    wst_value *value = NULL;
    size_t bad;

    find(library, "wst_engine_new", &engine_new);
    find(library, "wst_graph_open", &graph_open);
    find(library, "wst_job_new", &job_new);
    find(library, "wst_job_set_text", &job_set_text);
    find(library, "wst_job_get", &job_get);
    find(library, "wst_engine_free", &engine_free);
    find(library, "wst_graph_free", &graph_free);
    find(library, "wst_job_free", &job_free);
    find(library, "wst_value_free", &value_free);
    options.models = wst_str_of(paths[0]);
    bad = engine_new(&options, &engine) || graph_open(engine, wst_str_of(paths[1]), &graph) || job_new(graph, &job) ||
          job_set_text(job, wst_str_of("prompt"), wst_str_of("a red apple")) ||
          job_set_text(job, wst_str_of("steps"), wst_str_of("1")) ||
          job_get(job, wst_str_of("embedding"), NULL, &value);
    value_free(value);
    job_free(job);
    graph_free(graph);
    engine_free(engine);
    pthread_barrier_wait(&used);
    pthread_barrier_wait(&closed);
    /* Ends now, and runs what the library left to be run at the end of a thread. */
    return (void *)bad;
}

static long resident(void)
{
    char line[256];
    long kibibytes = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "RssAnon: %ld", &kibibytes) == 1)
            break;
    if (status)
        fclose(status);
    return kibibytes;
}

int main(int argc, char **argv)
{
    int times = argc > 4 ? atoi(argv[4]) : 50, at;
    long settled = 0, last = 0;

    if (argc < 4)
        return 2;
    paths[0] = argv[2];
    paths[1] = argv[3];
    pthread_barrier_init(&used, NULL, 2);
    pthread_barrier_init(&closed, NULL, 2);
    for (at = 0; at < times; at++) {
        pthread_t thread;
        void *bad = NULL, *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
        if (!library) {
            printf("%s\n", dlerror());
            return 1;
        }
        if (pthread_create(&thread, NULL, use, library) != 0)
            return 1;
        pthread_barrier_wait(&used);
        if (dlclose(library) != 0)
            return 1;
        pthread_barrier_wait(&closed);
        pthread_join(thread, &bad);
        if (bad) {
            printf("reload: run %d failed\n", at);
            return 1;
        }
        last = resident();
        if (at <= times / 2 && last > settled)
            settled = last;
    }
    printf("reload: %d times loaded, run and unloaded; at most %ld KiB in the first half, %ld KiB at the end\n", times,
           settled, last);
    return last > settled + settled / 20 + 4096;
}
