/* seeds.c: seeds from 0 to 2^64-1, of which the low 32 bits count.   seeds MODELS GRAPH */
#include "check.h"

static wst_digest picture(wst_job *job)
{
    wst_digest digest;
    wst_value *value = NULL;
    memset(&digest, 0, sizeof digest);
    CHECK(good(wst_job_get(job, text("image"), NULL, &value)) && good(wst_value_digest(value, &digest)));
    wst_value_free(value);
    return digest;
}

static wst_digest with_seed(wst_job *job, uint64_t seed)
{
    wst_value *value = wst_value_uint(seed);
    CHECK(good(wst_job_set(job, text("seed"), value)));
    wst_value_free(value);
    return picture(job);
}

static int same(wst_digest a, wst_digest b) { return memcmp(&a, &b, sizeof a) == 0; }

static void numbers(void)
{
    wst_value *large = wst_value_uint(UINT64_MAX), *negative = wst_value_int(-1), *small = wst_value_uint(7);
    wst_value *also = wst_value_int(7);
    wst_digest one, other;
    int64_t whole = 0;
    uint64_t from_zero = 0;

    CHECK(wst_value_type(large) == WST_INT && good(wst_value_as_uint(large, &from_zero)) && from_zero == UINT64_MAX);
    CHECK(fails(wst_value_as_int(large, &whole), WST_INVALID, "18446744073709551615 is out of range"));
    CHECK(fails(wst_value_as_uint(negative, &from_zero), WST_INVALID, "wst_value_as_int"));
    CHECK(good(wst_value_as_int(small, &whole)) && whole == 7);
    CHECK(good(wst_value_digest(small, &one)) && good(wst_value_digest(also, &other)) && same(one, other));
    wst_value_free(large);
    wst_value_free(negative);
    wst_value_free(small);
    wst_value_free(also);
}

int main(int argc, char **argv)
{
    wst_options options = WST_OPTIONS_INIT;
    wst_engine *engine = NULL;
    wst_graph *graph = NULL;
    wst_job *job = NULL;
    wst_value *value = wst_value_uint(UINT64_MAX);
    wst_digest zero, last;

    if (argc != 3)
        return 2;
    numbers();
    options.models = text(argv[1]);
    CHECK(good(wst_engine_new(&options, &engine)) && good(wst_graph_open(engine, text(argv[2]), &graph)));
    CHECK(good(wst_job_new(graph, &job)) && good(wst_job_set_text(job, text("prompt"), text("an apple"))));
    CHECK(good(wst_job_set_text(job, text("steps"), text("1"))));
    CHECK(good(wst_job_set_text(job, text("decoder_steps"), text("1"))));
    zero = with_seed(job, 0);
    last = with_seed(job, UINT64_MAX);
    CHECK(!same(zero, last) && same(last, with_seed(job, UINT32_MAX)) && same(zero, with_seed(job, (uint64_t)1 << 32)));
    CHECK(good(wst_job_set_text(job, text("seed"), text("18446744073709551615"))) && same(last, picture(job)));
    CHECK(fails(wst_job_set_text(job, text("seed"), text("18446744073709551616")), WST_INVALID, "seed"));
    CHECK(fails(wst_job_set_text(job, text("seed"), text("-1")), WST_INVALID, "-1 is outside 0.."));
    CHECK(fails(wst_job_set(job, text("steps"), value), WST_INVALID, "18446744073709551615 is outside"));
    wst_value_free(value);
    wst_job_free(job);
    wst_graph_free(graph);
    wst_engine_free(engine);
    return wrong;
}
