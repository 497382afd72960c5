/* example.h: what the examples in C share. They run from a folder with models/icons and graphs: the repository, or
 * share/wuerst of an installed tree. */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#include <stdio.h>
#include <stdlib.h>
#include "wuerst.h"

#define SHIPPED "graphs/text-to-image.yaml"

/* Prints an error, frees it, and gives 1; gives 0 for NULL. */
static inline int failed(wst_error *error)
{
    wst_code code = wst_error_code(error);
    if (code)
        fprintf(stderr, "%s\n", wst_error_message(error).data);
    wst_error_free(error);
    return code != WST_OK;
}

/* An engine with the model that ships. */
static inline int engine_failed(wst_engine **engine)
{
    wst_options options = WST_OPTIONS_INIT;
    options.models = wst_str_of("models/icons");
    return failed(wst_engine_new(&options, engine));
}

/* A job of a graph file. Jobs keep what they need, so the graph is freed. */
static inline int job_failed(const wst_engine *engine, const char *path, wst_job **job)
{
    wst_graph *graph = NULL;
    int bad = failed(wst_graph_open(engine, wst_str_of(path), &graph)) || failed(wst_job_new(graph, job));
    wst_graph_free(graph);
    return bad;
}

/* The text of a small file; empty when it cannot be read, or is too large. */
static inline wst_str text_of(const char *path, char *room, size_t size)
{
    wst_str text = {room, 0};
    FILE *file = fopen(path, "rb");
    if (file) {
        text.len = fread(room, 1, size, file);
        fclose(file);
    }
    text.len = text.len < size ? text.len : 0;
    return text;
}

/* Sets an input from text. */
static inline int set_failed(wst_job *job, const char *input, const char *text)
{
    return failed(wst_job_set_text(job, wst_str_of(input), wst_str_of(text)));
}

/* In a node: an argument that is a tensor. */
static inline wst_error *argument_tensor(const wst_call *call, size_t index, wst_tensor *out)
{
    const wst_value *value;
    wst_error *error = wst_call_argument(call, index, &value);
    return error ? error : wst_value_as_tensor(value, out);
}

/* In a node: a result that is a tensor. Its elements are copied; where they are NULL, there was no memory. */
static inline wst_error *result_tensor(wst_call *call, size_t index, const wst_tensor *tensor)
{
    wst_value *value = NULL;
    wst_error *error = tensor->data ? wst_value_tensor(tensor, &value)
                                    : wst_error_new(WST_OUT_OF_MEMORY, wst_str_of("no memory for a result"));
    if (!error)
        error = wst_call_result(call, index, value);
    wst_value_free(value);
    return error;
}

#endif
