/* wuerst.h: run Würstchen graphs from C. C99, and C++11 or later.
 *
 *   wst_options options = WST_OPTIONS_INIT;
 *   options.models = wst_str_of("models/icons");
 *   error = wst_engine_new(&options, &engine);
 *   error = wst_graph_open(engine, wst_str_of("graphs/text-to-image.yaml"), &graph);
 *   error = wst_job_new(graph, &job);
 *   error = wst_job_set_text(job, wst_str_of("prompt"), wst_str_of("a red apple"));
 *   error = wst_job_get(job, wst_str_of("image"), NULL, &image);
 *   error = wst_value_as_tensor(image, &pixels);
 *
 * crates/capi/examples/c/text_to_image.c is the whole program.
 *
 * Ownership. A function that gives a handle (a pointer to wst_engine, wst_kinds, wst_graph, wst_job, wst_run,
 * wst_value or wst_error) makes it yours: free it with the _free function of its type, once. Every _free takes NULL
 * and does nothing then. Handles do not depend on each other: an engine may be freed before its jobs, whose work goes
 * on. What you pass is copied or shared, never taken: it stays yours. Strings and tensors that a function shows you
 * ("a view") belong to the handle they came from and are good until it is freed.
 *
 * Errors. A function that can fail returns NULL for success, or a wst_error, which is yours to free. Its outputs are
 * written only on success. A NULL pointer where a handle, an output or the data of a string is wanted, and a string
 * that is not UTF-8, give WST_INVALID. No function ends the process (but see Memory), and none unwinds into the caller.
 * Any function may give WST_OUT_OF_MEMORY and, after a bug in this library, WST_INTERNAL.
 *
 * Memory. When the host's or the device's runs out, a function says WST_OUT_OF_MEMORY, everything stays usable, and the
 * next call may succeed. Large blocks fail by themselves; small ones then come from a reserve of 32 MiB that the
 * library keeps for that, and runs end at their next step, and none begins, until all but 1 MiB of it is free again,
 * malloc gives blocks again, and 33 MiB of memory are to be had. A model is loaded only if there is address space for
 * all threads that it runs with, 136 MiB for each but the first. No more can be promised: between two such looks
 * another thread may take what there was. Then the process ends by a block that the reserve cannot serve, for it has no
 * room left, or for the block is one of more than 8 MiB, as the table of a tokenizer with some hundred thousand words;
 * or by one within the start of a thread, whose name and stack take their memory elsewhere; and by an operating system
 * that gives memory which it does not have.
 *
 * Threads. Every function may be called from any thread, and at the same time as any other, on the same handles too;
 * only a _free must not run while another call uses that handle. Callbacks say in which thread they run; they must
 * return normally (no C++ exception, no longjmp). A call that finds less than 512 KiB of stack goes on upon a stack of
 * the library's own (4 MiB, given back when the call returns), in the same thread; so a thread of 64 KiB will do.
 *
 * Callbacks. Inside one (of wst_observer, of wst_node_kind, the log) every function may be called, and none waits for a run, as
 * that could wait for the callback itself: wst_job_get and wst_job_get_all give WST_INVALID, wst_run_take does while the
 * run goes on, wst_run_wait says at once whether it is over, and wst_run_free stops the run without waiting for it; it
 * calls back no more then. wst_job_start begins a run.
 *
 * Fork. In the child of a fork, engines, graphs, jobs and runs that were made before it give WST_INVALID, or nothing where
 * a function gives no error; their _free may be called, and leaves the memory alone. Values, errors and kinds stay good.
 * A new engine works there.
 *
 * Process. The library writes neither to stdout nor to stderr, handles no signals, changes no environment variables,
 * and leaves the floating-point state of your threads as it was; it computes in the plain one, in which callbacks are
 * called too. Once loaded it is never unloaded.
 *
 * Growth. Structs that you fill begin with struct_size; start them from their _INIT macro, which sets it. Later
 * versions add fields at the end only, and zero in a new field means what was before. Functions are added, never
 * changed.
 */
#ifndef WUERST_H
#define WUERST_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Versions ------------------------------------------------------------------------------------------------- */

/* The version of this interface. */
#define WST_ABI_VERSION 1u

/* The version of the interface that the library has. One that is not below WST_ABI_VERSION serves this header. */
uint32_t wst_abi_version(void);

/* The version of the library that this header came with. */
#define WST_VERSION "0.1.0"


/* ---- Strings -------------------------------------------------------------------------------------------------- */

/* UTF-8 text of len bytes, NUL-terminated only where that is said. An empty text may have NULL as its data. */
typedef struct wst_str {
    const char *data;
    size_t len;
} wst_str;

/* The version of the library that is loaded, as "0.1.0"; NUL-terminated, and good for ever. */
wst_str wst_version(void);

/* A view of a NUL-terminated text, which may be NULL and is then empty. */
static inline wst_str wst_str_of(const char *text)
{
    wst_str str;
    str.data = text;
    str.len = text ? strlen(text) : 0;
    return str;
}

/* ---- Errors --------------------------------------------------------------------------------------------------- */

/* Why a call failed. Immutable. */
typedef struct wst_error wst_error;

/* The sort of an error: what a program can decide by. The message tells the rest. */
typedef uint32_t wst_code;
#define WST_OK ((wst_code)0)            /* no error: the code of NULL */
#define WST_INVALID ((wst_code)1)       /* an argument or a value is wrong: NULL, no UTF-8, type, range, size */
#define WST_GRAPH ((wst_code)2)         /* the graph is wrong: ask wst_error_place where */
#define WST_NOT_FOUND ((wst_code)3)     /* a name leads nowhere: input, output, model, library */
#define WST_FILE ((wst_code)4)          /* a file cannot be read or written */
#define WST_MODEL ((wst_code)5)         /* a model cannot be used: damaged, or not what the stage wants */
#define WST_RUNTIME ((wst_code)6)       /* ONNX Runtime refused */
#define WST_OUT_OF_MEMORY ((wst_code)7) /* on the host or on the device */
#define WST_NODE ((wst_code)8)          /* a node failed in a way of its own */
#define WST_CANCELLED ((wst_code)9)     /* wst_job_cancel or wst_run_cancel was called */
#define WST_INTERNAL ((wst_code)10)     /* a bug in this library; engine, graph and job remain usable */

/* A new error, for a node to fail with. WST_OK and unknown codes count as WST_NODE. */
wst_error *wst_error_new(wst_code code, wst_str message);

/* The error's sort; WST_OK for NULL. */
wst_code wst_error_code(const wst_error *error);

/* A view of the message: what is wrong and what to do, in English, for people. NUL-terminated. Empty for NULL. */
wst_str wst_error_message(const wst_error *error);

/* A graph can be wrong in several places. For index from 0: shows the place and returns 1, or returns 0 when there
 * is none (always, unless the code is WST_GRAPH). line and column count from 1, the column in characters; both are 0
 * when the problem is in no line. path is the place in the graph, as "nodes.prior.with.steps". path and message are
 * views. Any output may be NULL. */
int wst_error_place(const wst_error *error, size_t index, uint32_t *line, uint32_t *column, wst_str *path,
                    wst_str *message);

void wst_error_free(wst_error *error);

/* ---- Values --------------------------------------------------------------------------------------------------- */

/* What flows through a graph: a number, a text, a tensor. Immutable. */
typedef struct wst_value wst_value;

/* What a value holds. */
typedef uint32_t wst_type;
#define WST_NONE ((wst_type)0) /* the type of NULL */
#define WST_BOOL ((wst_type)1)
#define WST_INT ((wst_type)2)
#define WST_FLOAT ((wst_type)3)
#define WST_TEXT ((wst_type)4)
#define WST_MODEL_NAME ((wst_type)5) /* a model on disk, by its name */
#define WST_TENSOR ((wst_type)6)
#define WST_FILE_NAME ((wst_type)7) /* a file to read, by its name */

/* The type of a tensor's elements, numbered as DLPack does: its type code, and the bits shifted by 8. */
typedef uint32_t wst_dtype;
#define WST_I64 ((wst_dtype)0x4000)
#define WST_U8 ((wst_dtype)0x0801)
#define WST_F16 ((wst_dtype)0x1002)
#define WST_F32 ((wst_dtype)0x2002)

/* A tensor in somebody's memory: row-major, without gaps, in the machine's byte order, aligned to its elements. A
 * picture is u8 [height, width, 3], red, green, blue, first row at the top, in sRGB as PNG files are. This
 * struct does not grow. */
typedef struct wst_tensor {
    wst_dtype dtype;
    uint32_t rank;
    const int64_t *shape; /* rank lengths, slowest first; may be NULL when rank is 0 */
    const void *data;     /* may be NULL when there are no elements */
} wst_tensor;

/* New values. NULL only when a bug in this library kept it from making one. A WST_INT is a whole number from -2^63 to
 * 2^64-1. */
wst_value *wst_value_bool(int value);
wst_value *wst_value_int(int64_t value);
wst_value *wst_value_uint(uint64_t value);
wst_value *wst_value_float(double value);

/* A new text. Errors: WST_INVALID. */
wst_error *wst_value_text(wst_str text, wst_value **out);

/* A new tensor; its elements are copied. Errors: WST_INVALID for an unknown dtype, a negative length, a size beyond all
 * memory, or data that is not aligned; WST_OUT_OF_MEMORY. */
wst_error *wst_value_tensor(const wst_tensor *tensor, wst_value **out);

/* What the value holds; WST_NONE for NULL. */
wst_type wst_value_type(const wst_value *value);

/* What is in a value. Text and tensor are views; the text of a WST_MODEL_NAME or WST_FILE_NAME is the
 * name. as_float takes a WST_INT too. Errors: WST_INVALID for a value of another type, and for a WST_INT that does not
 * fit: as_int has those below 2^63, as_uint those from 0 on. */
wst_error *wst_value_as_bool(const wst_value *value, int *out);
wst_error *wst_value_as_int(const wst_value *value, int64_t *out);
wst_error *wst_value_as_uint(const wst_value *value, uint64_t *out);
wst_error *wst_value_as_float(const wst_value *value, double *out);
wst_error *wst_value_as_text(const wst_value *value, wst_str *out);
wst_error *wst_value_as_tensor(const wst_value *value, wst_tensor *out);

/* The absolute path of the file of a WST_MODEL_NAME, or of a WST_FILE_NAME, a view. Errors: WST_INVALID for a
 * value of another type. */
wst_error *wst_value_as_path(const wst_value *value, wst_str *out);

/* Copies the elements of a tensor into bytes of memory of yours, as dtype; what is there is not looked at, and need
 * not be aligned. WST_F16 is widened where WST_F32 is asked for. Errors: WST_INVALID for a value that is no tensor,
 * another dtype, and bytes that are not exactly the tensor's size. */
wst_error *wst_value_read(const wst_value *value, wst_dtype dtype, void *data, size_t bytes);

/* How pixels lie in memory: channels in that order, and the numbers that they are. */
typedef uint32_t wst_format;
#define WST_RGB8 ((wst_format)1)
#define WST_RGBA8 ((wst_format)2)
#define WST_BGRA8 ((wst_format)3)
#define WST_RGB32F ((wst_format)4)  /* 0 to 1 */
#define WST_RGBA32F ((wst_format)5) /* 0 to 1 */
#define WST_RGBA16F ((wst_format)6) /* 0 to 1, halves */

/* Floats are in linear light (of sRGB's primaries), and not coded by sRGB's transfer function. */
#define WST_IMAGE_LINEAR ((uint32_t)1)

/* A picture in memory of yours. */
typedef struct wst_image {
    size_t struct_size;
    /* The first pixel of the top row. Need not be aligned. */
    void *data;
    /* From a row to the one below it, in bytes; negative where rows lie bottom-up. 0: without gaps. */
    ptrdiff_t row_bytes;
    /* In pixels. */
    uint32_t width;
    uint32_t height;
    wst_format format;
    /* 0 or WST_IMAGE_LINEAR. */
    uint32_t flags;
    /* Which of several pictures, from 0. */
    uint32_t index;
    /* 0. */
    uint32_t reserved;
} wst_image;

#define WST_IMAGE_INIT {sizeof(wst_image), 0, 0, 0, 0, 0, 0, 0, 0}

/* Copies a picture, u8 or f32 [height, width, 3], or one of [count, height, width, 3], into memory of yours; alpha
 * becomes opaque. Bytes between rows are left alone. Errors: WST_INVALID for a value that is no picture, another size,
 * and an image whose row_bytes, format or flags are wrong. */
wst_error *wst_value_copy(const wst_value *value, const wst_image *into);

/* A new picture from memory of yours, which is only read: u8 [height, width, 3], or f32 where the format is one of
 * floats. Alpha is left out. Errors: WST_INVALID; WST_OUT_OF_MEMORY. */
wst_error *wst_value_image(const wst_image *from, wst_value **out);

/* The name of some content, 32 bytes. Equal content has equal digests, in every process and on every machine; a
 * different one has not. This struct does not grow. */
typedef struct wst_digest {
    uint8_t bytes[32];
} wst_digest;

/* The digest of a value: of type, shape and elements; of a model or file, of what is in it, and in the files with
 * external data that a model names. Those are read when their digest is wanted first, and again when they changed:
 * gigabytes take seconds. Errors: WST_INVALID; WST_MODEL and WST_FILE for what cannot be read. */
wst_error *wst_value_digest(const wst_value *value, wst_digest *out);

/* A second handle to the same value; copies no elements. NULL for NULL. */
wst_value *wst_value_clone(const wst_value *value);

void wst_value_free(wst_value *value);

/* ---- Engine --------------------------------------------------------------------------------------------------- */

/* Node kinds, loaded models, remembered results: what graphs and jobs share. */
typedef struct wst_engine wst_engine;

#define WST_LOG_ERROR 1
#define WST_LOG_WARNING 2
#define WST_LOG_INFO 3

/* How an engine is set up. */
typedef struct wst_options {
    size_t struct_size;
    /* The path of ONNX Runtime's library, or of the folder that it lies in. Empty: the environment variable
     * ORT_DYLIB_PATH, one that the process has loaded already, or one that lies beside this library. A process
     * can use only one, whatever its engines ask for. */
    wst_str runtime;
    /* The folder that the names of models in graphs are relative to. Empty: "models". */
    wst_str models;
    /* Devices in order of preference, as "cuda:0,cpu". Empty: what the graph prefers, else the CPU. The last one's
     * refusal is an error, so a list without cpu never falls back to it. What there is, with the options that each may
     * have in braces (the first choice is the default):
     *   cpu, coreml, directml:N
     *   cuda:N{memory_limit=4GiB,arena=same-as-requested|power-of-two,precision=tf32|f32}
     *   tensorrt:N{precision=f32|f16|bf16,cache=FOLDER,...}, with memory_limit and arena as cuda has them; the folder
     *       keeps built engines, apart for each model, library, GPU and set of options
     *   openvino:CPU{precision=f32|bf16|f16,library=PATH}, or GPU, GPU.1, NPU: the plug-in onnxruntime-ep-openvino, which
     *       lies at PATH, or where the environment variable WUERST_OPENVINO says, or next to ONNX Runtime
     *   ep:NAME{library=PATH,KEY=VALUE,...}: any other execution provider by the name that it calls itself, with its own
     *       options; PATH is its plug-in for ONNX Runtime, whose code runs with the rights of the process. ep:NAME:1 is the
     *       second of its devices. No graph may prefer one */
    wst_str devices;
    /* Models are unloaded, the longest unused first, to keep the sum of the memory they take below this, in bytes: of
     * their files, or of their numbers as f32 where that is more. The one in use stays, so 1 keeps one at a time. 0: 8 GiB. */
    uint64_t model_bytes;
    /* Results that are remembered, in bytes. 0: 256 MiB. */
    uint64_t cache_bytes;
    /* Threads for each model's run, 1024 at most. 0: one for each core. Results do not depend on it. */
    uint32_t threads;
    /* 0. */
    uint32_t reserved;
    /* Gets messages, as of old names in graphs, with one of WST_LOG_*; message is a view until it returns. Called from any thread, also several at
     * once; it must be quick, and is a callback as above. NULL: none. */
    void (*log)(void *user, int level, wst_str message);
    /* Passed to log. It must stay good until the engine, its graphs and its jobs are freed. */
    void *user;
    /* A folder in which results that took long for their size, as text embeddings and priors, outlive the process. It
     * is made when it is not there, for its user alone, since results tell what prompts were about; several processes
     * of that user may share it. One that is a link or another user's, that others may write to, or that cannot be
     * written, gives a warning, and nothing is kept. Results lie in its folder `wuerst-results`; its folder
     * `wuerst-models` keeps models as they were optimised for the CPU, which load in half the time; weights are mapped
     * from there, once for all processes. Nothing else in it is ever changed. What is read is checked against a digest,
     * and damaged files are made again; weights that are changed or cut off while they are mapped are loaded again, or
     * WST_MODEL in a run that uses them. What remains: a file that is cut off during an evaluation ends the process,
     * which only the same user can do. Empty: none. */
    wst_str cache_folder;
    /* The size that the results are kept below, in bytes, and so are the models, as they were written. 0: 1 GiB. */
    uint64_t cache_folder_bytes;
    /* What OrtGetApiBase() of an ONNX Runtime of yours gives, which must stay loaded; it counts before everything
     * that is said at `runtime`, and one that is too old is an error. NULL: as said there. */
    const void *ort_api_base;
    /* The folder that the names of files in graphs are relative to, and must stay in. Empty: a graph names no files.
     * The values of inputs, which are yours, name any. */
    wst_str files;
    /* The folder that nodes save files into; a graph can neither choose nor leave it. Empty: they refuse. */
    wst_str outputs;
    /* Devices of single stages, which count before `devices`, as "prior=cuda:0,cpu; vqgan-decoder=cpu". The stages are
     * text-encoder, prior, decoder, vqgan-decoder, vqgan-encoder and compressor. Empty: none has its own. */
    wst_str stage_devices;
    /* Threads of single stages, 1024 at most, which count before `threads`, as "prior=4; vqgan-decoder=2". */
    wst_str stage_threads;
    /* 1: a device that refuses a model is an error (WST_MODEL), which says why. 0: it is a warning, and the next device
     * has its turn. */
    uint32_t strict;
    /* 0. */
    uint32_t reserved2;
    /* The most bytes that the files which nodes save in one run have together. 0: 1 GiB. */
    uint64_t outputs_bytes;
    /* The most files that nodes save in one run. 0: 1000. */
    uint32_t outputs_files;
    /* 0. */
    uint32_t reserved3;
    /* The path of a settings file, wuerst.yaml; graphs/settings.schema.json lists its keys. It states options that are
     * empty or 0 here; `devices` and `threads` count before all devices and threads in it. It may name plug-ins and graphs,
     * which the engine then loads, so it is never searched for. Empty: none. */
    wst_str settings;
} wst_options;

#define WST_OPTIONS_INIT                                                                              \
    {sizeof(wst_options), {0, 0}, {0, 0}, {0, 0}, 0, 0, 0, 0, 0, 0, {0, 0}, 0, 0, {0, 0}, {0, 0}, {0, 0}, {0, 0}, 0, 0, \
     0, 0, 0, {0, 0}}

/* A new engine. options may be NULL, which means WST_OPTIONS_INIT. Loads neither ONNX Runtime nor models: the first
 * node that needs one does, so a missing library shows in wst_job_get. Errors: WST_INVALID, for a mistake in the
 * settings file with its place; WST_FILE; those of wst_engine_load and wst_engine_open_graph for what that file names. */
wst_error *wst_engine_new(const wst_options *options, wst_engine **out);

/* What the engine holds at the moment, and where its models run, as a text in JSON:
 *
 *   { "runtime": "/usr/lib/libonnxruntime.so.1.28.0",      null before one was started in this process
 *     "remembered_bytes": 2360,                            results in memory
 *     "models": [                                          those that are loaded, the longest unused first
 *       { "model": "/models/prior.onnx", "device": "cpu", "threads": 4,
 *         "bytes": 20481222,                               memory that it takes
 *         "operators": { "cpu": { "Add": 40 } },           how many of each type run on which provider; counted
 *                                                          before they are fused
 *         "refused": [                                     devices that were preferred, and what each said
 *           { "device": "cuda:0", "why": "..." } ] } ] }
 *
 * Later versions may add fields. Errors: WST_INVALID. */
wst_error *wst_engine_report(const wst_engine *engine, wst_value **out);

/* Unloads the models that nothing runs at the moment, and forgets results that nothing uses, tokenizers, and what models
 * say of themselves, so that the memory can serve others. Work goes on as before, only later. Does nothing for NULL. */
void wst_engine_release(const wst_engine *engine);

void wst_engine_free(wst_engine *engine);

/* ---- Nodes of your own ---------------------------------------------------------------------------------------- */

/* One run of one node, which is what its functions are given. Good in the thread that they are called in, until they
 * return; used later, elsewhere, or inside another callback, it gives WST_INVALID. Inputs and outputs are counted
 * from 0, in the order of the signature; an index beyond them gives WST_INVALID. */
typedef struct wst_call wst_call;

/* The argument of an input: a view, to be cloned if it is to be kept, of exactly the signature's type (an int for a
 * float is widened before). NULL when an optional input was left out. */
wst_error *wst_call_argument(const wst_call *call, size_t index, const wst_value **out);

/* Whether an input has a value: 1 also where it is not known yet, in wst_node_kind's batch. */
int wst_call_has(const wst_call *call, size_t index);

/* Gives the result of an output; the value stays yours. Each output needs one. Errors: WST_INVALID for a value of
 * another type or shape than the signature says, and for NULL. */
wst_error *wst_call_result(wst_call *call, size_t index, const wst_value *value);

/* Says that so many steps are done, and asks whether to go on: 1. On 0, when the job was cancelled, return soon;
 * whatever you return then, the job says WST_CANCELLED. */
int wst_call_step(wst_call *call, uint32_t done, uint32_t of);

/* Whether somebody would see a preview of the step that is being worked on. */
int wst_call_wants_preview(const wst_call *call);

/* Shows a picture of work in progress, u8 [height, width, 3]. Does nothing when nobody watches. Errors: WST_INVALID. */
wst_error *wst_call_preview(wst_call *call, const wst_tensor *rgb);

/* Tells the user something that does not stop the run. Errors: WST_INVALID. */
wst_error *wst_call_warn(wst_call *call, wst_str message);

/* The node's name in the graph, a view; empty when it is asked about arguments and not run. */
wst_str wst_call_node(const wst_call *call);

/* The node has side effects or depends on more than its arguments: run it every time. */
#define WST_KIND_VOLATILE ((uint32_t)1)

/* How a node shares its arguments out among several results, which are joined along their first dimension. Set
 * struct_size (WST_BATCH_INIT does). */
typedef struct wst_batch {
    size_t struct_size;
    /* The input whose first dimension is the number of results. */
    wst_str over;
    /* Other inputs of which each result gets an equal part of the first dimension, as "negative,init"; a length of 1 serves
     * all. May be empty. */
    wst_str each;
    /* An input that counts: each result's value is one more than that before, from 0 where it is left out. May be empty. */
    wst_str counts;
} wst_batch;

#define WST_BATCH_INIT {sizeof(wst_batch), {0, 0}, {0, 0}, {0, 0}}

/* A node kind: a named pure function. A host adds it with wst_engine_add, a plug-in with wst_api. Strings are
 * copied. */
typedef struct wst_node_kind {
    size_t struct_size;
    /* "acme.upscale": a namespace, a dot, a name. */
    wst_str kind;
    /* What it takes and gives:
     * "image: u8[h,w,3], amount: float = 0.5 {0.0..1.0}, mask: u8[h,w]? -> image: u8[h,w,3]".
     * Types: bool, int, float, text, model, file, and tensors of f32, f16, i64, u8, whose named lengths are the same
     * wherever the name is. `?`: may be left out. Arguments are checked before run is called, and results
     * afterwards. */
    wst_str signature;
    /* What it does, in a sentence or two. May be empty. */
    wst_str about;
    /* What its inputs and outputs mean, a line each, as "amount: 0 leaves the picture as it is". May be empty. */
    wst_str ports;
    /* Raise it when the same arguments give other results, so that remembered ones are not used. */
    uint32_t version;
    /* 0 or WST_KIND_VOLATILE. */
    uint32_t flags;
    /* Computes the results; NaN and infinities in a tensor among them are an error of the node. Called from any thread,
     * also several at once. Returns NULL, or an error of wst_error_new, which the library frees; its code and message reach the caller of wst_job_get, with the node's name before. */
    wst_error *(*run)(void *user, wst_call *call);
    /* Refuses arguments that the signature cannot, before anything runs; called as run is, when a graph is read and
     * before a job. Arguments that are not known yet are NULL. A message that begins with an input's name and ": "
     * blames that input; the code is that of the job's error. May be NULL. */
    wst_error *(*check)(void *user, wst_call *known);
    /* Called once, from any thread, when nothing uses the node any more. May be NULL. */
    void (*drop)(void *user);
    /* Passed to each of them. */
    void *user;
    /* Writes a digest of what the results depend on as well as the arguments, as a file whose name is one; with another
     * digest the node runs again. Called before every run, so it must be quick; known is as for check. Where it writes
     * nothing there is no such thing. May be NULL. */
    wst_error *(*state)(void *user, wst_call *known, wst_digest *out);
    /* Returns 1 and fills out where the node makes several results, each from its own part of the arguments: it then runs
     * once for each, one after the other. wst_call_has tells which inputs have values. The texts are views that stay good
     * until the thread calls this again. May be NULL. */
    int (*batch)(void *user, wst_call *given, wst_batch *out);
    /* About how many milliseconds a run takes, for the progress of the whole until runs have been measured. 0: 1. */
    double expected_ms;
} wst_node_kind;

#define WST_NODE_KIND_INIT {sizeof(wst_node_kind), {0, 0}, {0, 0}, {0, 0}, {0, 0}, 1, 0, 0, 0, 0, 0, 0, 0, 0}

/* Adds a node kind; graphs that are read from now on can use it. On success the node is the engine's, which calls drop;
 * after an error it is still yours. Errors: WST_INVALID when its kind is taken, or for what is wrong with it. */
wst_error *wst_engine_add(const wst_engine *engine, const wst_node_kind *node);

/* Loads a plug-in, a shared library that adds node kinds: all of them or, after an error, none. It is never unloaded, but
 * for after an error: an entry that fails must leave no thread and no callback behind. Its symbols are bound at once: one
 * that is missing, or a missing library of its own, is an error with the loader's reason. Its code runs with the rights of
 * the process, so load only what you trust; graphs never name libraries. path is a
 * file's, and no library folder is searched for it. Errors: WST_NOT_FOUND; WST_FILE when it is no library that can be
 * loaded; WST_INVALID when it is no plug-in, is built for a later WST_ABI_VERSION, or a kind is taken; what the plug-in
 * says. */
wst_error *wst_engine_load(const wst_engine *engine, wst_str path);

/* Adds a graph, the YAML text of a graph file, as a node kind: its inputs are the node's ports with their types, defaults
 * and ranges, its outputs the node's outputs. A graph that uses it holds its nodes, which are called "outer/inner" in
 * reports and callbacks, and are remembered one by one. Graphs that it uses must have been added before; none is a node
 * of itself. Graph files never name others, so opening one reads no other file. Errors: WST_GRAPH with everything that is
 * wrong, places in yaml; WST_INVALID when its kind is taken or malformed, or an output may be left out. */
wst_error *wst_engine_add_graph(const wst_engine *engine, wst_str kind, wst_str yaml);

/* The same for a graph file. The names of files that are written in it lead into its folder, and stay there; those of
 * models lead there too, and into the models folder where it has none of the name. Errors: WST_FILE when the file cannot
 * be read; otherwise as wst_engine_add_graph. */
wst_error *wst_engine_open_graph(const wst_engine *engine, wst_str kind, wst_str path);

/* A port may be left out though it has no initial value. */
#define WST_PORT_OPTIONAL ((uint32_t)1)

/* An input or output, of a graph or of a node kind: what a host makes a control of. Set struct_size (WST_PORT_INIT
 * does); the library fills the rest with views that belong to the handle that was asked. */
typedef struct wst_port {
    size_t struct_size;
    wst_str name;
    /* What its values hold. An input of WST_MODEL_NAME or WST_FILE_NAME is set by a text. */
    wst_type type;
    /* 0 or WST_PORT_OPTIONAL. */
    uint32_t flags;
    /* The type in words, as "int" or "u8[h,w,3]". */
    wst_str type_text;
    /* What a graph writes behind the name: "int = 12 {1..1000}", "u8[h,w,3]?". */
    wst_str declaration;
    /* What it holds when nothing is given; NULL when there is no such value. */
    const wst_value *initial;
    /* The numbers allowed, both included; of a number without limits, and all else, -infinity and infinity. */
    double minimum;
    double maximum;
    /* The texts allowed; none: any. */
    const wst_str *choices;
    size_t choice_count;
    /* What it means, in a sentence; empty when nobody says. */
    wst_str about;
} wst_port;

#define WST_PORT_INIT {sizeof(wst_port), {0, 0}, 0, 0, {0, 0}, {0, 0}, 0, 0, 0, 0, 0, {0, 0}}

/* The node kinds of an engine as they were at one moment. Immutable. */
typedef struct wst_kinds wst_kinds;

/* A node kind. Set struct_size (WST_KIND_INIT does); the rest is filled with views that belong to the wst_kinds. */
typedef struct wst_kind {
    size_t struct_size;
    wst_str kind;
    wst_str signature;
    wst_str about;
    uint32_t version;
    /* 0 or WST_KIND_VOLATILE. */
    uint32_t flags;
    size_t input_count;
    size_t output_count;
} wst_kind;

#define WST_KIND_INIT {sizeof(wst_kind), {0, 0}, {0, 0}, {0, 0}, 0, 0, 0, 0}

/* The node kinds that graphs can use now, in the order of their names. Errors: WST_INVALID. */
wst_error *wst_engine_kinds(const wst_engine *engine, wst_kinds **out);

/* How many they are; 0 for NULL. */
size_t wst_kinds_count(const wst_kinds *kinds);

/* A kind, and one of its inputs and outputs, counted from 0. Errors: WST_INVALID, also for an index beyond the end. */
wst_error *wst_kinds_at(const wst_kinds *kinds, size_t index, wst_kind *out);
wst_error *wst_kinds_input(const wst_kinds *kinds, size_t index, size_t input, wst_port *out);
wst_error *wst_kinds_output(const wst_kinds *kinds, size_t index, size_t output, wst_port *out);

void wst_kinds_free(wst_kinds *kinds);

/* A plug-in while it is being loaded. Good until its entry returns. */
typedef struct wst_plugin wst_plugin;

/* What a plug-in can call: add, add_graph, open_graph, and the functions whose names are these behind "wst_". A plug-in links against nothing,
 * and may keep the pointer. Later versions are longer. */
typedef struct wst_api {
    size_t struct_size;
    uint32_t abi_version; /* the host's; not below the plug-in's own WST_ABI_VERSION */
    uint32_t reserved;
    /* As wst_engine_add. */
    wst_error *(*add)(wst_plugin *plugin, const wst_node_kind *node);
    wst_error *(*error_new)(wst_code code, wst_str message);
    wst_code (*error_code)(const wst_error *error);
    wst_str (*error_message)(const wst_error *error);
    void (*error_free)(wst_error *error);
    wst_value *(*value_bool)(int value);
    wst_value *(*value_int)(int64_t value);
    wst_value *(*value_float)(double value);
    wst_error *(*value_text)(wst_str text, wst_value **out);
    wst_error *(*value_tensor)(const wst_tensor *tensor, wst_value **out);
    wst_type (*value_type)(const wst_value *value);
    wst_error *(*value_as_bool)(const wst_value *value, int *out);
    wst_error *(*value_as_int)(const wst_value *value, int64_t *out);
    wst_error *(*value_as_float)(const wst_value *value, double *out);
    wst_error *(*value_as_text)(const wst_value *value, wst_str *out);
    wst_error *(*value_as_tensor)(const wst_value *value, wst_tensor *out);
    wst_error *(*value_as_path)(const wst_value *value, wst_str *out);
    wst_value *(*value_clone)(const wst_value *value);
    void (*value_free)(wst_value *value);
    wst_error *(*call_argument)(const wst_call *call, size_t index, const wst_value **out);
    wst_error *(*call_result)(wst_call *call, size_t index, const wst_value *value);
    int (*call_step)(wst_call *call, uint32_t done, uint32_t of);
    int (*call_wants_preview)(const wst_call *call);
    wst_error *(*call_preview)(wst_call *call, const wst_tensor *rgb);
    wst_error *(*call_warn)(wst_call *call, wst_str message);
    wst_str (*call_node)(const wst_call *call);
    /* As wst_engine_add_graph and wst_engine_open_graph, once the entry has returned: what is wrong with the graph is the
     * error of wst_engine_load. The graph may use all that the plug-in adds. */
    wst_error *(*add_graph)(wst_plugin *plugin, wst_str kind, wst_str yaml);
    wst_error *(*open_graph)(wst_plugin *plugin, wst_str kind, wst_str path);
    int (*error_place)(const wst_error *error, size_t index, uint32_t *line, uint32_t *column, wst_str *path,
                       wst_str *message);
    wst_value *(*value_uint)(uint64_t value);
    wst_error *(*value_as_uint)(const wst_value *value, uint64_t *out);
    wst_error *(*value_read)(const wst_value *value, wst_dtype dtype, void *data, size_t bytes);
    wst_error *(*value_copy)(const wst_value *value, const wst_image *into);
    wst_error *(*value_image)(const wst_image *from, wst_value **out);
    wst_error *(*value_digest)(const wst_value *value, wst_digest *out);
    int (*call_has)(const wst_call *call, size_t index);
} wst_api;

#ifdef __cplusplus
#define WST_LINKAGE extern "C"
#else
#define WST_LINKAGE
#endif
#ifdef _WIN32
#define WST_EXPORT WST_LINKAGE __declspec(dllexport)
#else
#define WST_EXPORT WST_LINKAGE __attribute__((visibility("default")))
#endif

/* Begins the entry of a plug-in, which crates/capi/examples/c/plugin.c shows. Called once for each engine that loads the plug-in:
 *
 *   WST_PLUGIN(api, plugin) { return api->add(plugin, &node); }
 */
#define WST_PLUGIN(api, plugin)                                                       \
    WST_EXPORT uint32_t wst_plugin_version(void);                                     \
    WST_EXPORT wst_error *wst_plugin_init_1(const wst_api *api, wst_plugin *plugin);  \
    WST_EXPORT uint32_t wst_plugin_version(void) { return WST_ABI_VERSION; }          \
    WST_EXPORT wst_error *wst_plugin_init_1(const wst_api *api, wst_plugin *plugin)

/* ---- Graph ---------------------------------------------------------------------------------------------------- */

/* A checked graph. Immutable. */
typedef struct wst_graph wst_graph;

/* Reads and checks a graph from YAML text. Errors: WST_GRAPH with everything that is wrong; WST_INVALID. */
wst_error *wst_graph_new(const wst_engine *engine, wst_str yaml, wst_graph **out);

/* The same from a file. Errors: as wst_graph_new, and WST_FILE. */
wst_error *wst_graph_open(const wst_engine *engine, wst_str path, wst_graph **out);

/* A change to a graph as it is read, so that the file stays as it is. This struct does not grow. */
typedef struct wst_change {
    /* "prior.steps", an argument of a node; or "prior", the node's kind. */
    wst_str name;
    /* For an argument: text that is read as its type demands ("12", "true", a model's name, text as it is), or a wire
     * ("$steps", "$text.states"). For a kind: "acme.prior". */
    wst_str text;
    /* For an argument: a value of any type, instead of the text. NULL: the text counts. */
    const wst_value *value;
} wst_change;

/* As wst_graph_new, with so many changes, made in their order. Places of an error that lie in a change have no line;
 * their path is its name. Errors: as wst_graph_new. */
wst_error *wst_graph_new_with(const wst_engine *engine, wst_str yaml, const wst_change *changes, size_t count,
                              wst_graph **out);

/* How many inputs and outputs there are, and one of them, counted from 0 in the order of the file. The limits,
 * choices and meaning of an input are also those of the nodes that it is wired to. Views belong to the graph. 0 for
 * NULL. Errors: WST_INVALID, also for an index beyond the end. */
size_t wst_graph_input_count(const wst_graph *graph);
wst_error *wst_graph_input(const wst_graph *graph, size_t index, wst_port *out);
size_t wst_graph_output_count(const wst_graph *graph);
wst_error *wst_graph_output(const wst_graph *graph, size_t index, wst_port *out);

/* A node of a graph. Set struct_size (WST_NODE_INIT does); the rest is filled with views that belong to the graph. */
typedef struct wst_node {
    size_t struct_size;
    /* Its name in the graph, and what it computes. */
    wst_str name;
    wst_str kind;
    /* Devices that the graph prefers for it, as "cuda:0,cpu"; empty without preference. */
    wst_str devices;
    /* Its arguments but for those that are left out, as a change would set them: "prior.steps" with a wire as the
     * text, or with a value, which may be the port's initial one. */
    const wst_change *arguments;
    size_t argument_count;
} wst_node;

#define WST_NODE_INIT {sizeof(wst_node), {0, 0}, {0, 0}, {0, 0}, 0, 0}

/* How many nodes there are, and one of them, counted from 0; each comes after those that it uses. 0 for NULL. Errors:
 * WST_INVALID, also for an index beyond the end. */
size_t wst_graph_node_count(const wst_graph *graph);
wst_error *wst_graph_node(const wst_graph *graph, size_t index, wst_node *out);

void wst_graph_free(wst_graph *graph);

/* ---- Job ------------------------------------------------------------------------------------------------------ */

/* One graph with the values of its inputs. */
typedef struct wst_job wst_job;

/* Observes a run. Every callback may be NULL, is called in the thread that is inside wst_job_get, or of wst_job_start
 * in the run's own thread, and holds the run up until it returns. Its arguments are views until it returns. */
typedef struct wst_observer {
    size_t struct_size;
    /* A node has done `done` of its `of` steps. */
    void (*progress)(void *user, wst_str node, uint32_t done, uint32_t of);
    /* A picture of work in progress, u8 [height, width, 3]. Costs time only when it is set. */
    void (*preview)(void *user, wst_str node, const wst_tensor *rgb);
    /* Something that the user should know though the run goes on, as a prompt that was cut off. */
    void (*warning)(void *user, wst_str node, wst_str message);
    /* Passed to each of them. */
    void *user;
    /* How far the whole run is: from 0 to 1, never less than before, and 1 only when it succeeds. `node` is the one
     * that it has got to; empty at the very beginning and end. Work counts by the time that it took before. */
    void (*overall)(void *user, wst_str node, double fraction);
    /* preview is called at every so many steps of a node, and at its last. 0: at each. */
    uint32_t preview_every;
    /* 0. */
    uint32_t reserved;
    /* Result `index`, from 0, of the `of` that an output joins is finished, perhaps long before the output: the first of
     * several pictures, say. value is as the output's, with a first dimension of 1: a view, to be cloned if it is to be
     * kept. Not called for what is remembered as a whole. */
    void (*part)(void *user, wst_str output, uint32_t index, uint32_t of, const wst_value *value);
} wst_observer;

#define WST_OBSERVER_INIT {sizeof(wst_observer), 0, 0, 0, 0, 0, 0, 0, 0}

/* A new job, with every input as the graph has it. Errors: WST_INVALID. */
wst_error *wst_job_new(const wst_graph *graph, wst_job **out);

/* Sets an input for the runs that begin from now on. An int serves for a float, and a text for the name of a model or
 * the path of a file. A seed is any number from 0 to 2^64-1, of which the low 32 bits count, as in PyTorch: seeds that
 * differ above them give the same picture.
 * Errors: WST_NOT_FOUND for an unknown input, and for a name that is no model; WST_INVALID for a value of another type or
 * out of range, and for a tensor that holds NaN or an infinity; WST_MODEL and WST_FILE for what cannot be read. What else is wrong with a model, wst_job_get says. */
wst_error *wst_job_set(wst_job *job, wst_str input, const wst_value *value);

/* The same from text, read as the input's type demands: text as it is, "12", "0.5", "true". A tensor cannot be
 * written so. Errors: as wst_job_set. */
wst_error *wst_job_set_text(wst_job *job, wst_str input, wst_str text);

/* Sets an input back to what the graph has. Errors: WST_NOT_FOUND for an unknown input; WST_INVALID. */
wst_error *wst_job_unset(wst_job *job, wst_str input);

/* What an output depends on, as a digest of node kinds, literals, inputs, models and files: while it stays the same,
 * so does the output, and a host that keeps pictures need not ask for it. Runs nothing, but reads models and files
 * that have changed, which wst_job_cancel stops. Errors: WST_NOT_FOUND for an unknown output; WST_INVALID for inputs that are missing or refused,
 * and when the output depends on a node that is run every time; what is wrong with a model or file. */
wst_error *wst_job_digest(const wst_job *job, wst_str output, wst_digest *out);

/* An XMP packet for a file with the picture of an output, as a text: it states that the pixels are generated, wholly
 * (IPTC's trainedAlgorithmicMedia) or in parts (compositeWithTrainedAlgorithmicMedia), with the inputs as they are set. It
 * is empty where no trained model makes pixels. A PNG file holds it in an iTXt chunk with the keyword XML:com.adobe.xmp, a
 * JPEG file in an APP1 segment behind "http://ns.adobe.com/xap/1.0/" and a NUL, a WebP file in the chunk "XMP ". Runs
 * nothing. Errors: WST_NOT_FOUND for an unknown output; WST_INVALID. */
wst_error *wst_job_xmp(const wst_job *job, wst_str output, wst_value **out);

/* The value of an output: runs what is needed and not remembered, in this thread, and returns when it is done. The
 * same inputs give the same bytes. observer may be NULL. Two threads that get from one job take turns. Errors:
 * WST_NOT_FOUND for an unknown output, and for ONNX Runtime when it is nowhere; WST_INVALID for inputs that are missing or
 * that a node refuses, and inside a callback; WST_MODEL for a model that is damaged, gone, or none for its stage; WST_FILE; WST_RUNTIME;
 * WST_CANCELLED; and what nodes of your own say. After any error the job can be asked again; what was finished stays remembered. */
wst_error *wst_job_get(wst_job *job, wst_str output, const wst_observer *observer, wst_value **out);

/* The same for several outputs, in one run, which computes each node once: values has room for as many. Errors: as
 * wst_job_get; nothing is written then. */
wst_error *wst_job_get_all(wst_job *job, const wst_str *outputs, size_t count, const wst_observer *observer,
                           wst_value **values);

/* Stops every run of the job that has begun (by wst_job_get, wst_job_get_all, wst_job_start) and is not over: it
 * returns WST_CANCELLED soon, from the middle of a step too, unless it was about to succeed. Without one it does
 * nothing, so that a cancellation that comes too late does not hit the next run; who may cancel before another thread
 * has called wst_job_get keeps note of it. NULL is nothing to stop. */
void wst_job_cancel(const wst_job *job);

/* What the last run of the job that is over did, also when it failed, as a text in JSON. Waits for none:
 *
 *   { "milliseconds": 812.4,                        the whole run
 *     "nodes": [                                    what was needed, each after those that it uses
 *       { "node": "prior", "kind": "wuerst.prior",  name in the graph, and what it computes
 *         "did": "ran", "why": "changed",           see below
 *         "changed": ["seed"],                      the arguments that differ from the last time's, when that is why
 *         "milliseconds": 301.7,                    of the node's run
 *         "inference_milliseconds": 296.2,          of these, inside the evaluation of models
 *         "loading_milliseconds": 0.0,              of these, for loading models
 *         "bytes": 2360,                            size of its results in memory
 *         "memory_bytes": 457216,                   the most that an evaluation of its models has held so far; 0: not known
 *         "devices": ["cpu"] } ] }                  where models were evaluated, as in wst_options
 *
 * "did" is "ran", because its arguments are "new" or "changed", its result was "evicted", or it has side effects
 * ("volatile"); or "reused", because its arguments are "unchanged", or came out the same though something before it
 * ran ("cut-off"), or are "remembered" from a run before the last, or the result was "stored" in the cache folder or
 * "shared" by another job that was computing it. Later versions may add fields and reasons. Before the first run
 * "nodes" is empty. Errors: WST_INVALID. */
wst_error *wst_job_report(const wst_job *job, wst_value **out);

void wst_job_free(wst_job *job);

/* ---- Run in the background ------------------------------------------------------------------------------------ */

/* A wst_job_get_all in a thread of its own, for hosts that must not wait. Callbacks are called in that thread; who has
 * none polls. A run keeps what it needs: job, graph and engine may be freed before it. */
typedef struct wst_run wst_run;

/* Begins a run for so many outputs. It computes with the inputs as they are when it is its turn; runs of one job take
 * turns. observer may be NULL; its `user` must be good until the run is freed. Errors: WST_NOT_FOUND for an unknown
 * output; WST_RUNTIME when there is no thread to be had; WST_INVALID. What goes wrong later, wst_run_take says. */
wst_error *wst_job_start(wst_job *job, const wst_str *outputs, size_t count, const wst_observer *observer, wst_run **out);

/* Where a run is. */
#define WST_RUNNING ((uint32_t)0)
#define WST_DONE ((uint32_t)1)      /* its values can be taken */
#define WST_STOPPED ((uint32_t)2)   /* it was cancelled */
#define WST_FAILED ((uint32_t)3)    /* wst_run_take says why */

/* How far a run has come. Set struct_size (WST_STATUS_INIT does); the rest is filled. */
typedef struct wst_status {
    size_t struct_size;
    /* One of WST_RUNNING to WST_FAILED. */
    uint32_t state;
    uint32_t reserved;
    /* How far the whole run is, as `overall` of wst_observer. */
    double fraction;
    /* The node that it has got to, a view that belongs to the run; and how many of its steps are done. */
    wst_str node;
    uint32_t done;
    uint32_t of;
    /* How many previews and warnings there have been. */
    uint64_t previews;
    uint64_t warnings;
} wst_status;

#define WST_STATUS_INIT {sizeof(wst_status), 0, 0, 0, {0, 0}, 0, 0, 0, 0}

/* Tells how far it has come, at once. Errors: WST_INVALID. */
wst_error *wst_run_poll(const wst_run *run, wst_status *out);

/* The newest picture of work in progress that was not given yet, yours to free; NULL when there is none. Previews
 * cost time, and are made from the first time that they are asked for. Errors: WST_INVALID. */
wst_error *wst_run_preview(const wst_run *run, wst_value **out);

/* What the user should know though the run goes on. For index from 0: shows it and returns 1, or returns 0 when there
 * is none. node and message are views that belong to the run, and may be NULL. */
int wst_run_warning(const wst_run *run, size_t index, wst_str *node, wst_str *message);

/* Waits until the run is over, at most so many milliseconds (below 0: without limit); returns 1 when it is. Inside a
 * callback it does not wait. 1 for NULL. */
int wst_run_wait(const wst_run *run, int64_t milliseconds);

/* Stops this run and no other of the job, as wst_job_cancel does: from any thread, at any time. It then ends as
 * WST_STOPPED, unless it was about to succeed. Does nothing for NULL. */
void wst_run_cancel(const wst_run *run);

/* The values of the outputs that the run was begun for, in their order, once; waits until they are there. count is
 * their number, and values has room for as many. Errors: what wst_job_get_all would have said; WST_INVALID for
 * another count, when they were taken before, and, while the run goes on, inside a callback. */
wst_error *wst_run_take(wst_run *run, wst_value **values, size_t count);

/* Frees a run. One that goes on is stopped, and waited for: no callback is called any more when this returns. Inside a
 * callback it is not waited for: one that is being called then goes on, and is the last. */
void wst_run_free(wst_run *run);

#ifdef __cplusplus
}
#endif

#endif
