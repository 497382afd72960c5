/* adds.c: a plug-in that adds graphs, one of them from the file PART, and uses what its table has for values. */
#include "wuerst.h"

static const wst_api *host;

/* Adds one, through all of 64 bits. */
static wst_error *run(void *user, wst_call *call)
{
    const wst_value *n = 0;
    wst_value *sum;
    wst_digest digest;
    uint64_t number = 0;
    wst_error *error = host->call_argument(call, 0, &n);

    (void)user;
    if (!error)
        error = host->value_as_uint(n, &number);
    if (!error)
        error = host->value_digest(n, &digest);
    if (error)
        return error;
    if (!host->call_has(call, 0))
        return host->error_new(WST_INTERNAL, wst_str_of("an argument is missing"));
    sum = host->value_uint(number + 1);
    error = host->call_result(call, 0, sum);
    host->value_free(sum);
    return error;
}

WST_PLUGIN(api, plugin)
{
    static const char *const SUM = "{wuerstchen: 1, inputs: {n: int}, outputs: {n: $b.n},"
                                   " nodes: {a: {use: adds.one, with: {n: $n}}, b: {use: adds.one, with: {n: $a.n}}}}";
    wst_node_kind node = WST_NODE_KIND_INIT;
    wst_error *error;

    host = api;
    /* Before the node that it uses. */
    error = api->add_graph(plugin, wst_str_of("adds.sum"), wst_str_of(SUM));
    if (!error)
        error = api->open_graph(plugin, wst_str_of("adds.part"), wst_str_of(PART));
    node.kind = wst_str_of("adds.one");
    node.signature = wst_str_of("n: int -> n: int");
    node.run = run;
    return error ? error : api->add(plugin, &node);
}
