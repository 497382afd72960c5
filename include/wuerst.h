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
 * Ownership. A function that returns a handle (a pointer to wst_engine, wst_kinds, wst_graph, wst_job, wst_run,
 * wst_value or wst_error) makes you its owner: free it once, with the _free function of its type. Every _free ignores
 * NULL. Handles are independent of each other: an engine may be freed before its jobs, which continue to work.
 * Arguments are copied or shared and stay yours. Strings and tensors that a function returns as "a view" belong to the
 * handle that they came from, and are valid until it is freed.
 *
 * Errors. A function that can fail returns NULL on success, or a wst_error that you free. Outputs are written only on
 * success. NULL for a handle, an output or the data of a string, and a string that is not UTF-8, give WST_INVALID. No
 * function ends the process (with exceptions under Memory), and none unwinds into the caller. Any function may return
 * WST_OUT_OF_MEMORY and, after a bug in this library, WST_INTERNAL.
 *
 * Memory. When memory of the host or device runs out, a function returns WST_OUT_OF_MEMORY, everything stays usable,
 * and the next call may succeed. A large allocation fails on its own. Small ones are then served from a reserve of
 * 32 MiB in the library; runs end at their next step, and no run begins, until all but 1 MiB of the reserve is free
 * again, malloc succeeds again, and 33 MiB of memory are free. A model is loaded only if there is address space for
 * all its threads, 136 MiB for each but the first. The library cannot promise more, since other threads may take the
 * memory between two checks. The process ends in three cases: an allocation that the reserve cannot serve, because
 * it is exhausted or the block is larger than 8 MiB (such as the table of a tokenizer with some hundred thousand
 * words); an allocation during the start of a thread, whose name and stack do not use the reserve; and an operating
 * system that overcommits memory.
 *
 * Threads. Every function may be called from any thread, at the same time as any other, on the same handles too. The
 * exception is _free, which must not run while another call uses the handle. Each callback documents its thread. It
 * must return normally (no C++ exception, no longjmp). A call with less than 512 KiB of stack continues, in the same
 * thread, on a stack of the library's own (4 MiB, freed on return), so threads with 64 KiB are enough.
 *
 * Callbacks. Every function may be called inside a callback (of wst_observer, of wst_node_kind, the log). None of them
 * waits for a run there, since the run may be waiting for the callback: wst_job_get and wst_job_get_all give
 * WST_INVALID; wst_run_take does so while the run continues; wst_run_wait returns at once; wst_run_free cancels the
 * run without waiting, and no further callback of that run is called. wst_job_start begins a run as usual.
 *
 * Fork. In the child of a fork, functions on engines, graphs, jobs and runs made before the fork give WST_INVALID, or
 * do nothing if they return no error. Their _free may be called, and leaks the memory. Values, errors and kinds remain
 * valid, and a new engine works.
 *
 * Process. The library writes neither to stdout nor to stderr, handles no signals, changes no environment variables,
 * and preserves the floating-point state of your threads. It computes, and calls callbacks, in the default state. Once
 * loaded it is never unloaded.
 *
 * Windows. The library is wuerst.dll, built for x86_64-pc-windows-gnu and tested under wine. There, Windows is not
 * asked for room before a run, so memory that runs out gives WST_OUT_OF_MEMORY only where an allocation reports it; a
 * thread needs 512 KiB of stack; paths are UTF-8; cache_folder keeps no models. An onnxruntime.dll of Windows' own, in
 * the working folder or on the search path is never taken. There is no fork.
 *
 * Growth. Structs that you fill begin with struct_size; initialise them with their _INIT macro, which sets it. Later
 * versions only add fields at the end, where zero means the earlier behaviour. Functions are added, never changed.
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

/* The interface version of the library. The library serves this header if its version is WST_ABI_VERSION or later. */
uint32_t wst_abi_version(void);

/* The library version that this header belongs to. */
#define WST_VERSION "0.1.0"


/* ---- Strings -------------------------------------------------------------------------------------------------- */

/* UTF-8 text of len bytes, NUL-terminated only where documented. An empty text may have NULL as its data. On Unix,
 * paths may be any bytes. */
typedef struct wst_str {
    const char *data;
    size_t len;
} wst_str;

/* The version of the loaded library, such as "0.1.0"; NUL-terminated, and valid for ever. */
wst_str wst_version(void);

/* A view of a NUL-terminated text. NULL gives an empty text. */
static inline wst_str wst_str_of(const char *text)
{
    wst_str str;
    str.data = text;
    str.len = text ? strlen(text) : 0;
    return str;
}

/* ---- Errors --------------------------------------------------------------------------------------------------- */

/* The reason why a call failed. Immutable. */
typedef struct wst_error wst_error;

/* The kind of an error, for programs. The message has the details. */
typedef uint32_t wst_code;
#define WST_OK ((wst_code)0)            /* no error: the code of NULL */
#define WST_INVALID ((wst_code)1)       /* an argument or value is wrong: NULL, not UTF-8, type, range, size */
#define WST_GRAPH ((wst_code)2)         /* the graph is wrong: wst_error_place tells where */
#define WST_NOT_FOUND ((wst_code)3)     /* a name is unknown: input, output, model, library */
#define WST_FILE ((wst_code)4)          /* a file cannot be read or written */
#define WST_MODEL ((wst_code)5)         /* a model is unusable: damaged, or not what the stage needs */
#define WST_RUNTIME ((wst_code)6)       /* ONNX Runtime failed */
#define WST_OUT_OF_MEMORY ((wst_code)7) /* on the host or on the device */
#define WST_NODE ((wst_code)8)          /* a node failed in another way */
#define WST_CANCELLED ((wst_code)9)     /* wst_job_cancel or wst_run_cancel was called */
#define WST_INTERNAL ((wst_code)10)     /* a bug in this library; engine, graph and job remain usable */

/* A new error that a node can return. WST_OK and unknown codes count as WST_NODE. */
wst_error *wst_error_new(wst_code code, wst_str message);

/* The error's code; WST_OK for NULL. */
wst_code wst_error_code(const wst_error *error);

/* A view of the message: the problem and its solution, in English, for people. NUL-terminated. Empty for NULL. */
wst_str wst_error_message(const wst_error *error);

/* The places of a WST_GRAPH error, of which there may be several. Writes place number index, counted from 0, and
 * returns 1; returns 0 beyond the last one, and always for other codes. line and column count from 1, the column in
 * characters; both are 0 if the problem belongs to no line. path is the place in the graph, such as
 * "nodes.prior.with.steps". path and message are views. Any output may be NULL. */
int wst_error_place(const wst_error *error, size_t index, uint32_t *line, uint32_t *column, wst_str *path,
                    wst_str *message);

void wst_error_free(wst_error *error);

/* ---- Values --------------------------------------------------------------------------------------------------- */

/* A value in a graph: a number, a text, a tensor, a model or a file. Immutable. */
typedef struct wst_value wst_value;

/* The type of a value. */
typedef uint32_t wst_type;
#define WST_NONE ((wst_type)0) /* the type of NULL */
#define WST_BOOL ((wst_type)1)
#define WST_INT ((wst_type)2)
#define WST_FLOAT ((wst_type)3)
#define WST_TEXT ((wst_type)4)
#define WST_MODEL_NAME ((wst_type)5) /* a model on disk, by name */
#define WST_TENSOR ((wst_type)6)
#define WST_FILE_NAME ((wst_type)7) /* a file to read, by name */

/* The type of a tensor's elements, numbered as in DLPack: its type code, plus the number of bits shifted left by 8. */
typedef uint32_t wst_dtype;
#define WST_I64 ((wst_dtype)0x4000)
#define WST_U8 ((wst_dtype)0x0801)
#define WST_F16 ((wst_dtype)0x1002)
#define WST_F32 ((wst_dtype)0x2002)

/* A tensor in memory of the caller or the library: row-major, without gaps, in native byte order, aligned to its
 * elements. A picture is u8 [height, width, 3] in red, green, blue, first row at the top, in sRGB as in PNG files. This
 * struct does not grow. */
typedef struct wst_tensor {
    wst_dtype dtype;
    uint32_t rank;
    const int64_t *shape; /* rank lengths, slowest first; may be NULL when rank is 0 */
    const void *data;     /* may be NULL when there are no elements */
} wst_tensor;

/* New values. NULL only after a bug in this library. A WST_INT is a whole number from -2^63 to 2^64-1. */
wst_value *wst_value_bool(int value);
wst_value *wst_value_int(int64_t value);
wst_value *wst_value_uint(uint64_t value);
wst_value *wst_value_float(double value);

/* A new text. Errors: WST_INVALID. */
wst_error *wst_value_text(wst_str text, wst_value **out);

/* A new tensor; its elements are copied. Errors: WST_INVALID for an unknown dtype, a negative length, a size beyond all
 * memory, or misaligned data; WST_OUT_OF_MEMORY. */
wst_error *wst_value_tensor(const wst_tensor *tensor, wst_value **out);

/* The type of a value; WST_NONE for NULL. */
wst_type wst_value_type(const wst_value *value);

/* The content of a value. Text and tensor are views; the text of a WST_MODEL_NAME or WST_FILE_NAME is its name.
 * as_float accepts a WST_INT too. Errors: WST_INVALID for a value of another type, and for a WST_INT that does not fit:
 * as_int accepts those below 2^63, as_uint those from 0 on. */
wst_error *wst_value_as_bool(const wst_value *value, int *out);
wst_error *wst_value_as_int(const wst_value *value, int64_t *out);
wst_error *wst_value_as_uint(const wst_value *value, uint64_t *out);
wst_error *wst_value_as_float(const wst_value *value, double *out);
wst_error *wst_value_as_text(const wst_value *value, wst_str *out);
wst_error *wst_value_as_tensor(const wst_value *value, wst_tensor *out);

/* The absolute path of a WST_MODEL_NAME or WST_FILE_NAME, or the name of one in memory, a view. Errors: WST_INVALID for
 * a value of another type. */
wst_error *wst_value_as_path(const wst_value *value, wst_str *out);

/* Copies the elements of a tensor into memory of yours, as dtype. data need not be aligned or initialised. WST_F16 is
 * widened if dtype is WST_F32. Errors: WST_INVALID if the value is not a tensor, if its dtype differs, or if bytes is
 * not exactly the tensor's size. */
wst_error *wst_value_read(const wst_value *value, wst_dtype dtype, void *data, size_t bytes);

/* The layout of pixels in memory: the order of channels, and their number type. */
typedef uint32_t wst_format;
#define WST_RGB8 ((wst_format)1)
#define WST_RGBA8 ((wst_format)2)
#define WST_BGRA8 ((wst_format)3)
#define WST_RGB32F ((wst_format)4)  /* 0 to 1 */
#define WST_RGBA32F ((wst_format)5) /* 0 to 1 */
#define WST_RGBA16F ((wst_format)6) /* 0 to 1, halves */

/* Floats are in linear light (with sRGB's primaries), not encoded by sRGB's transfer function. */
#define WST_IMAGE_LINEAR ((uint32_t)1)

/* A picture in memory of yours. */
typedef struct wst_image {
    size_t struct_size;
    /* The first pixel of the top row. May be misaligned. */
    void *data;
    /* The distance from a row to the one below it, in bytes; negative for rows stored bottom-up. 0: rows without
     * gaps. */
    ptrdiff_t row_bytes;
    /* In pixels. */
    uint32_t width;
    uint32_t height;
    wst_format format;
    /* 0 or WST_IMAGE_LINEAR. */
    uint32_t flags;
    /* The index of the picture in a tensor of several, from 0. */
    uint32_t index;
    /* Must be 0. */
    uint32_t reserved;
} wst_image;

#define WST_IMAGE_INIT {sizeof(wst_image), 0, 0, 0, 0, 0, 0, 0, 0}

/* Copies a picture, u8 or f32 [height, width, 3] or one of [count, height, width, 3], into memory of yours. Alpha
 * becomes opaque. Bytes between rows are unchanged. Errors: WST_INVALID if the value is not a picture, if its size
 * differs, or if row_bytes, format or flags are wrong. */
wst_error *wst_value_copy(const wst_value *value, const wst_image *into);

/* A new picture copied from memory of yours: u8 [height, width, 3], or f32 for a format with floats. Alpha is ignored.
 * Errors: WST_INVALID; WST_OUT_OF_MEMORY. */
wst_error *wst_value_image(const wst_image *from, wst_value **out);

/* The digest of some content, 32 bytes. Equal content has equal digests in every process and on every machine;
 * different content has different ones. This struct does not grow. */
typedef struct wst_digest {
    uint8_t bytes[32];
} wst_digest;

/* The digest of a value: of type, shape and elements; for a model or file, of its content, including the external data
 * files that a model names. Models and files are read when their digest is first needed, and again after a change:
 * gigabytes take seconds. Errors: WST_INVALID; WST_MODEL or WST_FILE if one cannot be read. */
wst_error *wst_value_digest(const wst_value *value, wst_digest *out);

/* A second handle to the same value; copies no elements. NULL for NULL. */
wst_value *wst_value_clone(const wst_value *value);

void wst_value_free(wst_value *value);

/* ---- Engine --------------------------------------------------------------------------------------------------- */

/* Runs graphs. Holds node kinds, loaded models and remembered results, which its graphs and jobs share. */
typedef struct wst_engine wst_engine;

#define WST_LOG_ERROR 1
#define WST_LOG_WARNING 2
#define WST_LOG_INFO 3

/* The options of an engine. */
typedef struct wst_options {
    size_t struct_size;
    /* The path of ONNX Runtime's library, or of its folder. Empty: the environment variable ORT_DYLIB_PATH, a library
     * that the process has loaded already, or one in the folder of this library, in this order. All engines of a
     * process use the same one. */
    wst_str runtime;
    /* The folder that model names in graphs are relative to. Empty: "models". */
    wst_str models;
    /* Devices in order of preference, such as "cuda:0,cpu". Empty: the graph's preference, or the CPU. It is an error
     * if the last one refuses a model, so a list without cpu never falls back to the CPU. Devices, with options in
     * braces (the first choice is the default):
     *   cpu; coreml and directml:N, which are passed on to ONNX Runtime and never ran in a test
     *   cuda:N{memory_limit=4GiB,arena=same-as-requested|power-of-two,precision=tf32|f32,sizes=free|fixed}; fixed loads
     *       a model anew for each size, batch and length of text, and leaves no operator to the CPU
     *   tensorrt:N{precision=f32|f16|bf16,cache=FOLDER,...}, also memory_limit and arena as for cuda; the folder keeps
     *       built engines, separately for each model, library, GPU and set of options
     *   openvino:CPU{precision=f32|bf16|f16,library=PATH}, or GPU, GPU.1, NPU: uses the plug-in onnxruntime-ep-openvino
     *       at PATH, in the environment variable WUERST_OPENVINO, or next to ONNX Runtime
     *   ep:NAME{library=PATH,KEY=VALUE,...}: any other execution provider, by its own name and with its own options;
     *       PATH is its plug-in for ONNX Runtime, whose code runs with the rights of the process. ep:NAME:1 is the
     *       second of its devices. Graphs cannot prefer these */
    wst_str devices;
    /* The memory for loaded models, in bytes. When exceeded, the models unused for longest are unloaded. A model counts
     * with the size of its files, or of its parameters as f32 if larger. The model in use stays, so 1 keeps one at a
     * time. 0: 8 GiB. */
    uint64_t model_bytes;
    /* The memory for remembered results, in bytes. 0: 256 MiB. */
    uint64_t cache_bytes;
    /* The threads of each model's run, 1024 at most. 0: one per core. Results do not depend on it. */
    uint32_t threads;
    /* Must be 0. */
    uint32_t reserved;
    /* Receives messages, for example about old names in graphs, with a level WST_LOG_*. message is a view until it
     * returns. Called from any thread, also several at once. It must be quick, and the rules for callbacks above apply.
     * NULL: none. */
    void (*log)(void *user, int level, wst_str message);
    /* Passed to log. Must stay valid until the engine, its graphs and its jobs are freed. */
    void *user;
    /* A folder that keeps results which took long for their size, such as text embeddings and priors, beyond the
     * process. Created if missing. It must be private to its user, since results reveal prompts; several processes of
     * that user may share it. A folder that is a link, belongs to another user, is writable by others, or cannot be
     * written causes a warning, and nothing is kept. Results are in its subfolder `wuerst-results`. Its subfolder
     * `wuerst-models` keeps models optimised for the CPU, which load in half the time; their weights are memory-mapped,
     * and so shared by all processes. Nothing else in the folder is changed. Files are verified by a digest, and
     * damaged ones are made again. Weights that are changed or truncated while mapped are loaded again; a run that uses
     * them fails with WST_MODEL. One risk remains: if a file is truncated during an evaluation, the process ends; only
     * the same user can do that. Empty: none. */
    wst_str cache_folder;
    /* The maximum size of the kept results, in bytes; kept models have an equal limit of their own. 0: 1 GiB. */
    uint64_t cache_folder_bytes;
    /* The result of OrtGetApiBase() of an ONNX Runtime that you loaded, which must stay loaded. It overrides all
     * choices under `runtime`; a version that is too old is an error. NULL: the choices under `runtime`. */
    const void *ort_api_base;
    /* The folder that file names in graphs are relative to, and must stay in. Empty: graphs cannot name files. Input
     * values, which you set, may name any file. */
    wst_str files;
    /* The folder that nodes save files into; a graph can neither choose nor leave it. Empty: saving is refused. */
    wst_str outputs;
    /* Devices of single stages, which override `devices`, such as "prior=cuda:0,cpu; vqgan-decoder=cpu". The stages are
     * text-encoder, prior, decoder, vqgan-decoder, vqgan-encoder and compressor. Empty: none. */
    wst_str stage_devices;
    /* Threads of single stages, 1024 at most, which override `threads`, such as "prior=4; vqgan-decoder=2". */
    wst_str stage_threads;
    /* 1: if a device refuses a model, the run fails with WST_MODEL and the reason. 0: the run warns, and tries the next
     * device. */
    uint32_t strict;
    /* Must be 0. */
    uint32_t reserved2;
    /* The maximum total size of files that nodes save in one run, in bytes. 0: 1 GiB. */
    uint64_t outputs_bytes;
    /* The maximum number of files that nodes save in one run. 0: 1000. */
    uint32_t outputs_files;
    /* Must be 0. */
    uint32_t reserved3;
    /* The path of a settings file, wuerst.yaml; graphs/settings.schema.json lists its keys. The file sets the options
     * that are empty or 0 here; `devices` and `threads` override all devices and threads in it. The engine loads the
     * plug-ins and graphs that it names, so it is never searched for. Empty: none. */
    wst_str settings;
    /* LoRA files that change the weights of stages while their models are loaded, such as
     * "prior=style.safetensors{strength=0.8}; text-encoder=style.safetensors". The strength is 1 if left out, and 0 changes
     * nothing. A stage takes several, in order; they replace those of the settings file and of the graph. A file that does
     * not fit the model fails the run with WST_MODEL. Empty: none. */
    wst_str lora;
} wst_options;

#define WST_OPTIONS_INIT                                                                                     \
    {sizeof(wst_options), {0, 0}, {0, 0}, {0, 0}, 0, 0, 0, 0, 0, 0, {0, 0}, 0, 0, {0, 0}, {0, 0}, {0, 0}, {0, 0}, \
     0, 0, 0, 0, 0, {0, 0}, {0, 0}}

/* A new engine. options may be NULL, which means WST_OPTIONS_INIT. ONNX Runtime and models are loaded later, by the
 * first node that needs them, so a missing library shows in wst_job_get. Errors: WST_INVALID, for the settings file
 * with the place of the mistake; WST_FILE; for plug-ins and graphs of the settings file, the errors of wst_engine_load
 * and wst_engine_open_graph. */
wst_error *wst_engine_new(const wst_options *options, wst_engine **out);

/* A report on ONNX Runtime, loaded models and their devices, and remembered results, as a text in JSON:
 *
 *   { "runtime": "/usr/lib/libonnxruntime.so.1.28.0",      null before it is loaded in this process
 *     "remembered_bytes": 2360,                            results in memory
 *     "models": [                                          loaded models, the longest unused first
 *       { "model": "/models/prior.onnx", "device": "cpu", "threads": 4,
 *         "bytes": 20481222,                               memory use
 *         "operators": { "cpu": { "Add": 40 } },           operators of each type on each provider, counted
 *                                                          before fusion
 *         "refused": [                                     preferred devices that failed, with the reason
 *           { "device": "cuda:0", "why": "..." } ] } ] }
 *
 * Later versions may add fields. Errors: WST_INVALID. */
wst_error *wst_engine_report(const wst_engine *engine, wst_value **out);

/* Unloads models that are not running, and forgets results that are not in use, tokenizers and metadata of models, to
 * free memory. Later work loads them again. Does nothing for NULL. */
void wst_engine_release(const wst_engine *engine);

void wst_engine_free(wst_engine *engine);

/* ---- Files in memory ------------------------------------------------------------------------------------------ */

/* The content of a file that a host keeps in memory, or reads by a callback, for packed or encrypted assets. Give data
 * or read. */
typedef struct wst_asset {
    size_t struct_size;
    /* In bytes. */
    uint64_t size;
    /* The content, which stays unchanged until drop is called. NULL: read is called. */
    const void *data;
    /* Fills `bytes` bytes from an offset on; returns 1, or 0 if it cannot. Called when the file is needed, from any
     * thread, in pieces in order. What was read is kept while it is in use. May be NULL. */
    int (*read)(void *user, uint64_t offset, void *into, size_t bytes);
    /* Called once, from any thread, when the file is no longer in use: by the engine, a graph, a job, a value or a
     * loaded model. May be NULL. */
    void (*drop)(void *user);
    /* Passed to both. */
    void *user;
} wst_asset;

#define WST_ASSET_INIT {sizeof(wst_asset), 0, 0, 0, 0, 0}

/* Adds a file in memory for graphs that are read later: a model ("prior.onnx"), its external data, its tokenizer
 * ("tokenizer.json"), or a file that a graph reads. The name is relative to the models folder, which need not exist,
 * and comes before a file there. No file is written. Weights in external data, aligned to their elements, are used
 * where they are, without a copy; a model that contains its weights is copied by ONNX Runtime as from a file. No LoRA
 * changes a model in memory. Graphs are texts: see wst_graph_new and wst_engine_add_graph. On success the engine owns
 * the content and calls drop; after an error it is still yours. Errors: WST_INVALID for a name that is taken or leads out of the folder, and if neither
 * or both of data and read are given. */
wst_error *wst_engine_add_file(const wst_engine *engine, wst_str name, const wst_asset *asset);

/* ---- Nodes of your own ---------------------------------------------------------------------------------------- */

/* One run of one node, passed to the node's functions. Valid in the thread of the function until it returns; using it
 * later, in another thread, or inside another callback gives WST_INVALID. Inputs and outputs are counted from 0, in the
 * order of the signature; an index beyond them gives WST_INVALID. */
typedef struct wst_call wst_call;

/* The argument of an input, a view with exactly the signature's type (an int for a float is widened before). Clone it
 * to keep it. NULL if an optional input was left out. */
wst_error *wst_call_argument(const wst_call *call, size_t index, const wst_value **out);

/* Whether an input has a value. In wst_node_kind's batch also 1 if that is not known yet. */
int wst_call_has(const wst_call *call, size_t index);

/* Sets the result of an output; the value stays yours. Every output must be set. Errors: WST_INVALID for NULL, and for
 * a type or shape that differs from the signature. */
wst_error *wst_call_result(wst_call *call, size_t index, const wst_value *value);

/* Reports that done of `of` steps are done. Returns 1 to continue, or 0 if the job was cancelled: then return soon. The
 * job reports WST_CANCELLED, whatever the node returns. */
int wst_call_step(wst_call *call, uint32_t done, uint32_t of);

/* Whether the caller wants a preview of the current step. */
int wst_call_wants_preview(const wst_call *call);

/* Shows a preview picture, u8 [height, width, 3]. Does nothing unless the caller wants one. Errors: WST_INVALID. */
wst_error *wst_call_preview(wst_call *call, const wst_tensor *rgb);

/* Warns the user; the run continues. Errors: WST_INVALID. */
wst_error *wst_call_warn(wst_call *call, wst_str message);

/* The node's name in the graph, a view; empty while arguments are only checked. */
wst_str wst_call_node(const wst_call *call);

/* The node has side effects or depends on more than its arguments, so it runs every time. */
#define WST_KIND_VOLATILE ((uint32_t)1)

/* How a node divides its arguments among several results, which are joined along their first dimension. Set struct_size
 * (WST_BATCH_INIT does). */
typedef struct wst_batch {
    size_t struct_size;
    /* The input whose first dimension is the number of results. */
    wst_str over;
    /* Other inputs whose first dimension is divided equally among the results, such as "negative,init"; a length of 1
     * serves all. May be empty. */
    wst_str each;
    /* A counting input: each result gets the previous value plus one, from 0 if the input is left out. May be empty. */
    wst_str counts;
} wst_batch;

#define WST_BATCH_INIT {sizeof(wst_batch), {0, 0}, {0, 0}, {0, 0}}

/* A node kind: a named pure function. A host adds it with wst_engine_add, a plug-in with wst_api. Strings are
 * copied. */
typedef struct wst_node_kind {
    size_t struct_size;
    /* Namespace, dot, name: "acme.upscale". */
    wst_str kind;
    /* Inputs and outputs:
     * "image: u8[h,w,3], amount: float = 0.5 {0.0..1.0}, mask: u8[h,w]? -> image: u8[h,w,3]".
     * Types: bool, int, float, text, model, file, and tensors of f32, f16, i64, u8. A named length is equal wherever
     * the name occurs. A role may follow the type of a tensor or file: "f32[b,c,h,w] as latents" (embedding, latents,
     * mask, picture, text); a wire between two roles is refused. `?` marks an optional input. Arguments are checked
     * before run is called, and results afterwards. */
    wst_str signature;
    /* Description in a sentence or two. May be empty. */
    wst_str about;
    /* Descriptions of inputs and outputs, one per line, such as "amount: 0 leaves the picture as it is". May be
     * empty. */
    wst_str ports;
    /* Increase it when results for equal arguments change, so that remembered ones are not used. */
    uint32_t version;
    /* 0 or WST_KIND_VOLATILE. */
    uint32_t flags;
    /* Computes the results. NaN or an infinity in a tensor of the results is an error of the node. Called from any
     * thread, also several at once. Returns NULL, or an error of wst_error_new, which the library frees. The caller of
     * wst_job_get gets its code and its message, after the node's name. */
    wst_error *(*run)(void *user, wst_call *call);
    /* Refuses arguments that the signature cannot rule out, before anything runs. Called like run, when a graph is read
     * and before a job runs. Arguments that are not known yet are NULL. A message that begins with an input's name and
     * ": " blames that input; the error's code becomes the job's. May be NULL. */
    wst_error *(*check)(void *user, wst_call *known);
    /* Called once, from any thread, when the node is no longer in use. May be NULL. */
    void (*drop)(void *user);
    /* Passed to each of these functions. */
    void *user;
    /* Writes a digest of external state that the results depend on, such as the content of a file named by an argument.
     * The node runs again when the digest changes. Called before every run, so it must be quick; known is as for check.
     * Writing nothing means that there is no such state. May be NULL. */
    wst_error *(*state)(void *user, wst_call *known, wst_digest *out);
    /* Returns 1 and fills out if the node makes several results, each from its own part of the arguments. It then runs
     * once per result, one after the other. wst_call_has tells which inputs have values. The texts are views that stay
     * valid until the same thread calls this function again. May be NULL. */
    int (*batch)(void *user, wst_call *given, wst_batch *out);
    /* The rough run time in milliseconds, for the progress of a whole run until run times have been measured. 0: 1. */
    double expected_ms;
} wst_node_kind;

#define WST_NODE_KIND_INIT {sizeof(wst_node_kind), {0, 0}, {0, 0}, {0, 0}, {0, 0}, 1, 0, 0, 0, 0, 0, 0, 0, 0}

/* Adds a node kind for graphs that are read later. On success the engine owns the node and calls drop; after an error
 * it is still yours. Errors: WST_INVALID if the kind's name is taken or the description is wrong. */
wst_error *wst_engine_add(const wst_engine *engine, const wst_node_kind *node);

/* Loads a plug-in: a shared library that adds node kinds, all or, after an error, none. A loaded plug-in is never
 * unloaded. After an error it is unloaded, so an entry that fails must leave no thread and no callback behind. Its
 * symbols are bound at once: a missing symbol or dependency is an error with the loader's reason. Its code runs with
 * the rights of the process, so load only trusted files; graphs never name libraries. path is the path of a file;
 * library folders are not searched. Errors: WST_NOT_FOUND; WST_FILE if the file is not a loadable library; WST_INVALID
 * if it is not a plug-in, needs a later WST_ABI_VERSION, or a kind's name is taken; errors of the plug-in. */
wst_error *wst_engine_load(const wst_engine *engine, wst_str path);

/* Adds a graph, given as the YAML text of a graph file, as a node kind. The graph's inputs, with types, defaults and
 * ranges, and its outputs become the node's ports. A graph that uses the kind contains its nodes, which reports and
 * callbacks call "outer/inner", and which are remembered individually. The graph may use kinds added before it, not
 * itself. Graph files never name others, so opening one reads no other file. Errors: WST_GRAPH with all problems,
 * placed in yaml; WST_INVALID if the kind's name is taken or malformed, or an output is optional. */
wst_error *wst_engine_add_graph(const wst_engine *engine, wst_str kind, wst_str yaml);

/* Adds a graph file as a node kind. File names in it resolve in its folder, and must stay there; model names resolve
 * there first, then in the models folder. Errors: WST_FILE if the file cannot be read; otherwise as
 * wst_engine_add_graph. */
wst_error *wst_engine_open_graph(const wst_engine *engine, wst_str kind, wst_str path);

/* The port may be left out although it has no initial value. */
#define WST_PORT_OPTIONAL ((uint32_t)1)

/* What a tensor or a file stands for. Types of different things may be equal; a wire between two roles is an error of
 * the graph, and an editor can colour sockets by them. */
typedef uint32_t wst_role;
#define WST_ROLE_NONE ((wst_role)0)      /* not said */
#define WST_ROLE_EMBEDDING ((wst_role)1) /* a picture's embedding, between prior and decoder */
#define WST_ROLE_LATENTS ((wst_role)2)   /* a picture's latents, between decoder and VQGAN */
#define WST_ROLE_MASK ((wst_role)3)      /* shares of pixels, from 0 to 1; or a picture file read as such */
#define WST_ROLE_PICTURE ((wst_role)4)   /* a picture, or a picture file */
#define WST_ROLE_TEXT ((wst_role)5)      /* a text's states, or a text file */

/* An input or output of a graph or of a node kind, with the details that a host needs to make a control. Set
 * struct_size (WST_PORT_INIT does); the library fills the rest with views that belong to the queried handle. */
typedef struct wst_port {
    size_t struct_size;
    wst_str name;
    /* The type of its values. An input of WST_MODEL_NAME or WST_FILE_NAME is set by a text. */
    wst_type type;
    /* 0 or WST_PORT_OPTIONAL. */
    uint32_t flags;
    /* The type as text, such as "int" or "u8[h,w,3]". */
    wst_str type_text;
    /* The declaration after the name in a graph: "int = 12 {1..1000}", "u8[h,w,3]?". */
    wst_str declaration;
    /* The value used when none is given; NULL if there is none. */
    const wst_value *initial;
    /* The range of allowed numbers, both ends included; -infinity and infinity if there is no limit, or for other
     * types. */
    double minimum;
    double maximum;
    /* The allowed texts; none: any text. */
    const wst_str *choices;
    size_t choice_count;
    /* A description in a sentence; may be empty. */
    wst_str about;
    /* What a tensor or a file stands for: the role in its declaration, in that of a node's port that it is wired to, or
     * WST_ROLE_PICTURE for bytes whose last dimension is 3. */
    wst_role role;
    uint32_t reserved;
    /* The name as people read it: "Decoder steps" for "decoder_steps". */
    wst_str title;
} wst_port;

#define WST_PORT_INIT {sizeof(wst_port), {0, 0}, 0, 0, {0, 0}, {0, 0}, 0, 0, 0, 0, 0, {0, 0}, 0, 0, {0, 0}}

/* A snapshot of an engine's node kinds. Immutable. */
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

/* The node kinds that graphs can use now, in alphabetical order. Errors: WST_INVALID. */
wst_error *wst_engine_kinds(const wst_engine *engine, wst_kinds **out);

/* The number of kinds; 0 for NULL. */
size_t wst_kinds_count(const wst_kinds *kinds);

/* A kind, and one of its inputs and outputs, counted from 0. Errors: WST_INVALID, also for an index beyond the end. */
wst_error *wst_kinds_at(const wst_kinds *kinds, size_t index, wst_kind *out);
wst_error *wst_kinds_input(const wst_kinds *kinds, size_t index, size_t input, wst_port *out);
wst_error *wst_kinds_output(const wst_kinds *kinds, size_t index, size_t output, wst_port *out);

void wst_kinds_free(wst_kinds *kinds);

/* A plug-in that is being loaded. Valid until its entry returns. */
typedef struct wst_plugin wst_plugin;

/* The functions that a plug-in can call: add, add_graph, open_graph, and the functions of this header without "wst_". A
 * plug-in links against nothing, and may keep the pointer. Later versions are longer. */
typedef struct wst_api {
    size_t struct_size;
    uint32_t abi_version; /* the host's; at least the plug-in's own WST_ABI_VERSION */
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
    /* Like wst_engine_add_graph and wst_engine_open_graph, done after the entry returns: a problem of the graph becomes
     * the error of wst_engine_load. The graph may use all kinds that the plug-in adds. */
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

/* Begins the entry of a plug-in, as in crates/capi/examples/c/plugin.c. The entry is called once for each engine that
 * loads the plug-in:
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

/* Reads and checks a graph from YAML text. Errors: WST_GRAPH with all problems; WST_INVALID. */
wst_error *wst_graph_new(const wst_engine *engine, wst_str yaml, wst_graph **out);

/* Reads and checks a graph file. Errors: as wst_graph_new, and WST_FILE. */
wst_error *wst_graph_open(const wst_engine *engine, wst_str path, wst_graph **out);

/* Reads and checks a graph file as wst_graph_open, and accepts missing models, so that a tool can show inputs, outputs
 * and nodes before the models are installed. A run that needs a missing model fails with WST_NOT_FOUND; open the graph
 * again once it is installed. Errors: as wst_graph_open, except for missing models. */
wst_error *wst_graph_open_without_models(const wst_engine *engine, wst_str path, wst_graph **out);

/* Missing models of a graph. Writes number index, counted from 0, and returns 1; returns 0 beyond the last one, and for
 * NULL. argument names the model, such as "prior.model"; both outputs are views that belong to the graph, and either
 * may be NULL. */
int wst_graph_missing_model(const wst_graph *graph, size_t index, wst_str *argument, wst_str *message);

/* A change to a graph while it is read, which leaves the file as it is. This struct does not grow. */
typedef struct wst_change {
    /* An argument of a node, such as "prior.steps"; or a node, such as "prior", to change its kind. */
    wst_str name;
    /* For an argument: text that is parsed according to its type ("12", "true", a model's name, any text), or a wire
     * ("$steps", "$text.states"). For a node: its kind, such as "acme.prior". */
    wst_str text;
    /* For an argument: a value of any type, in place of the text. NULL: the text is used. */
    const wst_value *value;
} wst_change;

/* Like wst_graph_new, with count changes, applied in order. Problems in a change have no line; their path is the
 * change's name. Errors: as wst_graph_new. */
wst_error *wst_graph_new_with(const wst_engine *engine, wst_str yaml, const wst_change *changes, size_t count,
                              wst_graph **out);

/* The number of inputs and outputs, and each of them, counted from 0 in the order of the file. Limits, choices and
 * description of an input also include those of the nodes that it is wired to. Views belong to the graph. Counts are 0
 * for NULL. Errors: WST_INVALID, also for an index beyond the end. */
size_t wst_graph_input_count(const wst_graph *graph);
wst_error *wst_graph_input(const wst_graph *graph, size_t index, wst_port *out);
size_t wst_graph_output_count(const wst_graph *graph);
wst_error *wst_graph_output(const wst_graph *graph, size_t index, wst_port *out);

/* The value used for input number index if a job does not set it, as a new value: its initial value, or a default of
 * the models behind it, such as the number of steps, the guidance, or the width in pixels. NULL if there is none, or if
 * it is not known. Reads model headers. Errors: WST_INVALID, also for an index beyond the end. */
wst_error *wst_graph_left_out(const wst_graph *graph, size_t index, wst_value **out);

/* A digest of the graph and its models alone, without the values that a job sets: node kinds, wires, literals,
 * declarations of inputs, and the content of the models and files that it names. Names of nodes, devices and comments
 * do not count. A host uses it as a version of the graph. Reads models and files that have changed. Errors:
 * WST_NOT_FOUND for a missing model; WST_MODEL and WST_FILE; WST_INVALID. */
wst_error *wst_graph_digest(const wst_graph *graph, wst_digest *out);

/* A node of a graph. Set struct_size (WST_NODE_INIT does); the rest is filled with views that belong to the graph. */
typedef struct wst_node {
    size_t struct_size;
    /* Its name in the graph, and its node kind. */
    wst_str name;
    wst_str kind;
    /* The devices that the graph prefers for it, such as "cuda:0,cpu"; empty if none. */
    wst_str devices;
    /* Its arguments, without those left out, in the form of changes: "prior.steps" with a wire as the text, or with a
     * value, which may be the port's initial one. */
    const wst_change *arguments;
    size_t argument_count;
} wst_node;

#define WST_NODE_INIT {sizeof(wst_node), {0, 0}, {0, 0}, {0, 0}, 0, 0}

/* The number of nodes, and each of them, counted from 0; a node follows those that it uses. The count is 0 for NULL.
 * Errors: WST_INVALID, also for an index beyond the end. */
size_t wst_graph_node_count(const wst_graph *graph);
wst_error *wst_graph_node(const wst_graph *graph, size_t index, wst_node *out);

void wst_graph_free(wst_graph *graph);

/* ---- Job ------------------------------------------------------------------------------------------------------ */

/* A graph with values for its inputs. */
typedef struct wst_job wst_job;

/* Callbacks of a run. Each may be NULL. They are called in the thread that called wst_job_get, or in the run's own
 * thread after wst_job_start, and the run waits until they return. Their arguments are views until they return. */
typedef struct wst_observer {
    size_t struct_size;
    /* A node has done `done` of its `of` steps. */
    void (*progress)(void *user, wst_str node, uint32_t done, uint32_t of);
    /* Shows a preview picture, u8 [height, width, 3]. Previews cost time only if this is set. */
    void (*preview)(void *user, wst_str node, const wst_tensor *rgb);
    /* Warns the user, for example about a truncated prompt; the run continues. */
    void (*warning)(void *user, wst_str node, wst_str message);
    /* Passed to each callback. */
    void *user;
    /* Progress of the whole run: from 0 to 1, never decreasing, and 1 only on success. `node` is the current node;
     * empty at the beginning and the end. Nodes count in proportion to their earlier run times. */
    void (*overall)(void *user, wst_str node, double fraction);
    /* The interval of previews in steps; a node's last step has one too. 0: every step. */
    uint32_t preview_every;
    /* Must be 0. */
    uint32_t reserved;
    /* Item `index`, from 0, of the `of` items of a batched output is ready, possibly long before the whole output.
     * value has the output's type, with a first dimension of 1. It is a view: clone it to keep it. Not called for
     * outputs remembered as a whole. */
    void (*part)(void *user, wst_str output, uint32_t index, uint32_t of, const wst_value *value);
} wst_observer;

#define WST_OBSERVER_INIT {sizeof(wst_observer), 0, 0, 0, 0, 0, 0, 0, 0}

/* A new job, with the graph's own input values. Errors: WST_INVALID. */
wst_error *wst_job_new(const wst_graph *graph, wst_job **out);

/* Sets an input for runs that begin later. An int serves for a float, and a text for the name of a model or the path of
 * a file. A seed is a number from 0 to 2^64-1 of which only the low 32 bits count, as in PyTorch: seeds that differ
 * above them give the same picture. A picture, u8 or float [height, width, 3] or [height, width] (wst_value_image makes
 * one), serves for a file that a node reads as a picture. The library's nodes behind the input and their models, if
 * they are there, check a number or a text as far as it alone decides. Errors: WST_NOT_FOUND for an unknown input or
 * model; WST_INVALID for a value of another type, out of range, or refused by a node, such as a width that the model
 * cannot make, and for a tensor that holds NaN or an infinity; WST_MODEL and WST_FILE if a model or file cannot be
 * read. wst_job_get reports other problems of a model, and values that do not fit each other. */
wst_error *wst_job_set(wst_job *job, wst_str input, const wst_value *value);

/* Sets an input from text, parsed according to its type: any text, "12", "0.5", "true", a path. Tensors have no text
 * form. Errors: as wst_job_set. */
wst_error *wst_job_set_text(wst_job *job, wst_str input, wst_str text);

/* Resets an input to the graph's own value. Errors: WST_NOT_FOUND for an unknown input; WST_INVALID. */
wst_error *wst_job_unset(wst_job *job, wst_str input);

/* A digest of everything that an output depends on: node kinds, literals, inputs, models and files. While it stays
 * equal, the output does too, so a host that keeps pictures need not request the output. Runs nothing, but reads models
 * and files that have changed; wst_job_cancel stops that. Errors: WST_NOT_FOUND for an unknown output; WST_INVALID for
 * missing or refused inputs, and if the output depends on a node that runs every time; WST_MODEL and WST_FILE. */
wst_error *wst_job_digest(const wst_job *job, wst_str output, wst_digest *out);

/* An XMP packet, as a text, for a picture file with an output. It states that the pixels are generated, wholly (IPTC's
 * trainedAlgorithmicMedia) or partly (compositeWithTrainedAlgorithmicMedia), with the present inputs. It is empty if no
 * trained model makes the pixels. A PNG file holds it in an iTXt chunk with the keyword XML:com.adobe.xmp, a JPEG file
 * in an APP1 segment behind "http://ns.adobe.com/xap/1.0/" and a NUL, a WebP file in the chunk "XMP ". Runs nothing.
 * Errors: WST_NOT_FOUND for an unknown output; WST_INVALID. */
wst_error *wst_job_xmp(const wst_job *job, wst_str output, wst_value **out);

/* Computes an output: runs the nodes that are needed and not remembered, in this thread, and returns when they are
 * done. Equal inputs give equal bytes. observer may be NULL. Concurrent calls for one job run one after another.
 * Errors: WST_NOT_FOUND for an unknown output, and if ONNX Runtime is not found; WST_INVALID for inputs that are
 * missing or refused by a node, and inside a callback; WST_MODEL for a model that is damaged, missing, or unfit for its
 * stage; WST_FILE; WST_RUNTIME; WST_CANCELLED; errors of your own nodes. The job remains usable after any error, and
 * finished nodes stay remembered. */
wst_error *wst_job_get(wst_job *job, wst_str output, const wst_observer *observer, wst_value **out);

/* Computes several outputs in one run, which runs each node once. values has room for count handles. Errors: as
 * wst_job_get; nothing is written then. */
wst_error *wst_job_get_all(wst_job *job, const wst_str *outputs, size_t count, const wst_observer *observer,
                           wst_value **values);

/* Saves a picture without the mark that a model made it. */
#define WST_SAVE_UNMARKED ((uint32_t)1)

/* Computes an output as wst_job_get does, and writes it to a file, whole or not at all. The extension of the path
 * decides the format: .png for a picture or mask, .npy for a tensor (f16 as f32), .txt for a text or a number. A
 * picture that a model made is marked in XMP data (see wst_job_xmp), unless flags is WST_SAVE_UNMARKED; otherwise flags
 * is 0. A format that cannot hold the output's type is refused before the run. Errors: as wst_job_get, and WST_FILE. */
wst_error *wst_job_save(wst_job *job, wst_str output, wst_str path, const wst_observer *observer, uint32_t flags);

/* Cancels all runs of the job in progress (begun by wst_job_get, wst_job_get_all, wst_job_start). They soon return
 * WST_CANCELLED, even in the middle of a step, unless they were about to succeed. Without such a run it does nothing,
 * so that a late cancellation does not affect the next run. If you may cancel before another thread has called
 * wst_job_get, record that yourself. Does nothing for NULL. */
void wst_job_cancel(const wst_job *job);

/* A report on the last finished run of the job, also if it failed, as a text in JSON. Never waits:
 *
 *   { "milliseconds": 812.4,                        the whole run
 *     "nodes": [                                    needed nodes, each after those that it uses
 *       { "node": "prior", "kind": "wuerst.prior",  name in the graph, and node kind
 *         "did": "ran", "why": "changed",           see below
 *         "changed": ["seed"],                      arguments that changed, if that is the reason
 *         "milliseconds": 301.7,                    run time of the node
 *         "inference_milliseconds": 296.2,          part spent evaluating models
 *         "loading_milliseconds": 0.0,              part spent loading models
 *         "bytes": 2360,                            size of its results in memory
 *         "memory_bytes": 457216,                   peak of an evaluation of its models so far; 0: unknown
 *         "tiles": 0,                               tiles of a picture that was not made as a whole
 *         "devices": ["cpu"] } ] }                  devices that evaluated models
 *
 * "did" is "ran" or "reused". Reasons for "ran": its arguments are "new" or "changed", its result was "evicted", or it
 * has side effects ("volatile"). Reasons for "reused": its arguments are "unchanged"; an earlier node ran, but returned
 * the same value ("cut-off"); its arguments are "remembered" from an earlier run; its result was "stored" in the cache
 * folder, or "shared" by another job that was computing it. Later versions may add fields and reasons. Before the first
 * run "nodes" is empty. Errors: WST_INVALID. */
wst_error *wst_job_report(const wst_job *job, wst_value **out);

void wst_job_free(wst_job *job);

/* ---- Run in the background ------------------------------------------------------------------------------------ */

/* A wst_job_get_all in a thread of its own, for hosts that must not wait. Callbacks are called in that thread; without
 * callbacks, poll. A run keeps its job, graph and engine alive, which may be freed before it. */
typedef struct wst_run wst_run;

/* Begins a run for count outputs. It uses the input values at the time when it begins to compute; runs of one job
 * compute one after another. observer may be NULL; its `user` must stay valid until the run is freed. Errors:
 * WST_NOT_FOUND for an unknown output; WST_RUNTIME if no thread can be created; WST_INVALID. wst_run_take returns later
 * errors. */
wst_error *wst_job_start(wst_job *job, const wst_str *outputs, size_t count, const wst_observer *observer,
                         wst_run **out);

/* The state of a run. */
#define WST_RUNNING ((uint32_t)0)
#define WST_DONE ((uint32_t)1)      /* its values can be taken */
#define WST_STOPPED ((uint32_t)2)   /* it was cancelled */
#define WST_FAILED ((uint32_t)3)    /* wst_run_take returns the error */

/* The progress of a run. Set struct_size (WST_STATUS_INIT does); the rest is filled. */
typedef struct wst_status {
    size_t struct_size;
    /* One of WST_RUNNING to WST_FAILED. */
    uint32_t state;
    uint32_t reserved;
    /* The progress of the whole run, as in `overall` of wst_observer. */
    double fraction;
    /* The current node, a view that belongs to the run; and the number of its steps that are done, and their total. */
    wst_str node;
    uint32_t done;
    uint32_t of;
    /* The number of previews and warnings so far. */
    uint64_t previews;
    uint64_t warnings;
} wst_status;

#define WST_STATUS_INIT {sizeof(wst_status), 0, 0, 0, {0, 0}, 0, 0, 0, 0}

/* Reports the progress, without waiting. Errors: WST_INVALID. */
wst_error *wst_run_poll(const wst_run *run, wst_status *out);

/* The newest preview that was not returned before, yours to free; NULL if there is none. Previews cost time, so they
 * are made from the first call on. Errors: WST_INVALID. */
wst_error *wst_run_preview(const wst_run *run, wst_value **out);

/* Warnings for the user. Writes warning number index, counted from 0, and returns 1; returns 0 beyond the last one.
 * node and message are views that belong to the run; either output may be NULL. */
int wst_run_warning(const wst_run *run, size_t index, wst_str *node, wst_str *message);

/* Waits until the run has ended, at most for this time (negative: without limit); returns 1 if it has ended. Does not
 * wait inside a callback. 1 for NULL. */
int wst_run_wait(const wst_run *run, int64_t milliseconds);

/* Cancels this run, and no other of the job, like wst_job_cancel: from any thread, at any time. The run ends as
 * WST_STOPPED, unless it was about to succeed. Does nothing for NULL. */
void wst_run_cancel(const wst_run *run);

/* Waits for the outputs of the run and returns them, in order, once. count is their number, and values has room for
 * count handles. Errors: as wst_job_get_all; WST_INVALID if count differs, if they were taken before, and inside a
 * callback while the run continues. */
wst_error *wst_run_take(wst_run *run, wst_value **values, size_t count);

/* Frees a run. A run in progress is cancelled and awaited: no callback is called after this returns. Inside a callback
 * it does not wait: the callback in progress continues, and is the last one. */
void wst_run_free(wst_run *run);

#ifdef __cplusplus
}
#endif

#endif
