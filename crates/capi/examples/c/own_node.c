/* own_node.c: a node of your own, behind a graph that ships: it turns colours into their complements. */
#include "example.h"

static wst_error *negative(void *user, wst_call *call)
{
    wst_tensor image;
    unsigned char *bytes;
    size_t i, count;
    wst_error *error = argument_tensor(call, 0, &image);

    (void)user;
    if (error)
        return error;
    count = (size_t)(image.shape[0] * image.shape[1] * image.shape[2]);
    bytes = (unsigned char *)malloc(count + 1);
    for (i = 0; bytes && i < count; i++)
        bytes[i] = (unsigned char)(255 - ((const unsigned char *)image.data)[i]);
    image.data = bytes;
    error = result_tensor(call, 0, &image);
    free(bytes);
    return error;
}

int main(void)
{
    /* The graph that ships is a node of this one. */
    const char *yaml = "wuerstchen: 1\ninputs: { prompt: text }\nnodes:\n"
                       "  picture: { use: example.text_to_image, with: { prompt: $prompt } }\n"
                       "  negative: { use: example.negative, with: { image: $picture.image } }\n"
                       "outputs: { image: $picture.image, negative: $negative.image }\n";
    const wst_str outputs[2] = {wst_str_of("image"), wst_str_of("negative")};
    const wst_str shipped = wst_str_of("example.text_to_image"), file = wst_str_of(SHIPPED);
    wst_node_kind node = WST_NODE_KIND_INIT;
    wst_engine *engine = NULL;
    wst_graph *graph = NULL;
    wst_job *job = NULL;
    wst_value *values[2];
    wst_tensor image, inverse;

    node.kind = wst_str_of("example.negative");
    node.signature = wst_str_of("image: u8[h,w,3] -> image: u8[h,w,3]");
    node.run = negative;
    if (engine_failed(&engine) || failed(wst_engine_add(engine, &node)) ||
        failed(wst_engine_open_graph(engine, shipped, file)) ||
        failed(wst_graph_new(engine, wst_str_of(yaml), &graph)) ||
        failed(wst_job_new(graph, &job)) || set_failed(job, "prompt", "a red apple, twemoji style") ||
        /* One run gives both; the picture is computed once. */
        failed(wst_job_get_all(job, outputs, 2, NULL, values)) || failed(wst_value_as_tensor(values[0], &image)) ||
        failed(wst_value_as_tensor(values[1], &inverse)))
        return 1;
    printf("picture %dx%d begins with %d, its negative with %d\n", (int)image.shape[1], (int)image.shape[0],
           *(const unsigned char *)image.data, *(const unsigned char *)inverse.data);
    wst_value_free(values[0]);
    wst_value_free(values[1]);
    wst_job_free(job);
    wst_graph_free(graph);
    wst_engine_free(engine);
    return 0;
}
