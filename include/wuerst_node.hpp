// wuerst_node.hpp: node kinds, ports and nodes of your own for wuerst.hpp, which includes it.
#ifndef WUERST_NODE_HPP
#define WUERST_NODE_HPP

#include <functional>

#include "wuerst_value.hpp"

namespace wuerst {

// An input or output, of a graph or of a node kind.
struct Port {
    std::string name, type_text, declaration, about, title;
    wst_type type = WST_NONE;
    wst_role role = WST_ROLE_NONE;
    bool optional = false;
    // Empty if there is none.
    Value initial;
    double minimum = 0, maximum = 0;
    std::vector<std::string> choices;

    Port() = default;
    explicit Port(const wst_port &port)
        : name(view(port.name)), type_text(view(port.type_text)), declaration(view(port.declaration)),
          about(view(port.about)), title(view(port.title)), type(port.type), role(port.role), optional(port.flags & WST_PORT_OPTIONAL),
          initial(wst_value_clone(port.initial)), minimum(port.minimum), maximum(port.maximum)
    {
        for (std::size_t at = 0; at < port.choice_count; at++)
            choices.emplace_back(view(port.choices[at]));
    }
};

// A node kind.
struct Kind {
    std::string kind, signature, about;
    std::uint32_t version = 0;
    bool is_volatile = false;
    std::vector<Port> inputs, outputs;
};

// A change to a graph while it is read: an argument ("prior.steps") as text, wire ("$steps") or value, or a node's
// kind.
struct Change {
    Text name, text;
    // If it is empty, the text is used.
    Value value;

    Change(Text name, Text text) : name(std::move(name)), text(std::move(text)) {}
    Change(Text name, Value value) : name(std::move(name)), value(std::move(value)) {}
    template <class T, std::enable_if_t<detail::is_number<T>, int> = 0>
    Change(Text name, T value) : name(std::move(name)), value(value) {}
    explicit Change(const wst_change &change)
        : name(change.name), text(change.text), value(wst_value_clone(change.value)) {}
};

// A node of a graph. Its arguments have the form of changes: a wire as the text, or a value.
struct Node {
    std::string name, kind, devices;
    std::vector<Change> arguments;
};

namespace detail {

// All ports that `call(index, &port)` returns.
template <class Call> std::vector<Port> ports(std::size_t count, Call &&call)
{
    std::vector<Port> ports;
    for (std::size_t index = 0; index < count; index++) {
        wst_port port = WST_PORT_INIT;
        if (wst_error *error = call(index, &port))
            wst_error_free(error);
        else
            ports.emplace_back(port);
    }
    return ports;
}

inline std::exception_ptr current()
{
#if WUERST_EXCEPTIONS
    return std::current_exception();
#else
    return nullptr;
#endif
}

// Exceptions of a node, kept for the call in this thread, which passes them to its caller.
using Thrown = std::shared_ptr<std::exception_ptr>;
inline Thrown &thrown_here()
{
    thread_local Thrown thrown;
    return thrown;
}

// Collects exceptions of nodes during a call.
class Catching {
public:
    explicit Catching(Thrown thrown = std::make_shared<std::exception_ptr>())
        : thrown_(std::move(thrown)), before_(std::exchange(thrown_here(), thrown_)) {}
    Catching(const Catching &) = delete;
    Catching &operator=(const Catching &) = delete;
    ~Catching() { thrown_here() = std::move(before_); }
    const std::exception_ptr &thrown() const { return *thrown_; }

private:
    Thrown thrown_, before_;
};

// A C error for the exception being handled; the exception itself is passed to the caller.
inline wst_error *described()
{
    if (const Thrown &thrown = thrown_here(); thrown && !*thrown)
        *thrown = current();
#if WUERST_EXCEPTIONS
    try {
        throw;
    } catch (const Error &error) {
        return wst_error_new(error.code(), wst_str_of(error.what()));
    } catch (const std::exception &exception) {
        return wst_error_new(WST_NODE, wst_str_of(exception.what()));
    } catch (...) {
    }
#endif
    return wst_error_new(WST_NODE, wst_str_of("an exception of an unknown type"));
}

}  // namespace detail

// One run of one node of yours, passed to its functions.
class Call {
public:
    explicit Call(wst_call *call) : call_(call) {}

    // Empty if an optional input was left out, or is not known yet.
    Result<Value> argument(std::size_t index) const
    {
        const wst_value *value = nullptr;
        if (wst_error *error = wst_call_argument(call_, index, &value))
            return Error(error);
        return Value(wst_value_clone(value));
    }
    // Whether an input has a value now, or will have one when the node runs.
    bool has(std::size_t index) const { return wst_call_has(call_, index) != 0; }
    Result<Done> result(std::size_t index, const Value &value)
    {
        return detail::done(wst_call_result(call_, index, value.get()));
    }
    // Reports progress; returns whether to continue.
    bool step(std::uint32_t done, std::uint32_t of) { return wst_call_step(call_, done, of) != 0; }
    bool wants_preview() const { return wst_call_wants_preview(call_) != 0; }
    Result<Done> preview(const wst_tensor &rgb) { return detail::done(wst_call_preview(call_, &rgb)); }
    Result<Done> warn(std::string_view message) { return detail::done(wst_call_warn(call_, str(message))); }
    std::string_view node() const { return view(wst_call_node(call_)); }

private:
    wst_call *call_;
};

// How a node divides its arguments among several results.
struct Batch {
    Text over, each, counts;
};

// A node kind of yours: the fields of wst_node_kind, with functions that may throw.
struct NodeKind {
    Text kind, signature, about, ports;
    std::uint32_t version = 1;
    bool is_volatile = false;
    double expected_ms = 0;
    std::function<Result<Done>(Call &)> run;
    // The following members may stay empty.
    std::function<Result<Done>(Call &)> check;
    // Digest of external state that the results depend on; empty if there is none.
    std::function<Result<std::optional<wst_digest>>(Call &)> state;
    // Describes a batch, if the node makes several results.
    std::function<std::optional<Batch>(Call &)> batch;
};

namespace detail {

// User data of a node: its functions in C++, or those in C with their own user.
struct Owner {
    NodeKind node;
    wst_node_kind raw = WST_NODE_KIND_INIT;
    static Owner &of(void *user) { return *static_cast<Owner *>(user); }
};

inline wst_error *guarded(const std::function<Result<Done>(Call &)> &function, wst_call *raw)
{
    WUERST_TRY {
        Call call(raw);
        Result<Done> done = function(call);
        return done ? nullptr : wst_error_new(done.error().code(), wst_str_of(done.error().what()));
    }
    WUERST_CATCH_ALL { return described(); }
}

inline wst_error *run(void *user, wst_call *call) { return guarded(Owner::of(user).node.run, call); }
inline wst_error *check(void *user, wst_call *call) { return guarded(Owner::of(user).node.check, call); }

inline wst_error *state(void *user, wst_call *raw, wst_digest *out)
{
    WUERST_TRY {
        Call call(raw);
        auto state = Owner::of(user).node.state(call);
        if (!state)
            return wst_error_new(state.error().code(), wst_str_of(state.error().what()));
        if (state.value())
            *out = *state.value();
        return nullptr;
    }
    WUERST_CATCH_ALL { return described(); }
}

inline int batch(void *user, wst_call *raw, wst_batch *out)
{
    WUERST_TRY {
        Call call(raw);
        // Keeps the texts valid until the thread calls again.
        thread_local std::optional<Batch> batch;
        batch = Owner::of(user).node.batch(call);
        if (!batch)
            return 0;
        out->over = batch->over.raw();
        out->each = batch->each.raw();
        out->counts = batch->counts.raw();
        return 1;
    }
    WUERST_CATCH_ALL { return wst_error_free(described()), 0; }
}

// A C node for an owner, whose C functions get their own user.
inline wst_node_kind adapted(Owner *owner)
{
    wst_node_kind node = owner->raw;
    const NodeKind &own = owner->node;
    node.user = owner;
    node.run = run;
    if (own.check)
        node.check = check;
    else if (node.check)
        node.check = [](void *user, wst_call *call) {
            return Owner::of(user).raw.check(Owner::of(user).raw.user, call);
        };
    if (own.state)
        node.state = state;
    else if (node.state)
        node.state = [](void *user, wst_call *call, wst_digest *out) {
            return Owner::of(user).raw.state(Owner::of(user).raw.user, call, out);
        };
    if (own.batch)
        node.batch = batch;
    else if (node.batch)
        node.batch = [](void *user, wst_call *call, wst_batch *out) {
            return Owner::of(user).raw.batch(Owner::of(user).raw.user, call, out);
        };
    node.drop = [](void *user) {
        std::unique_ptr<Owner> owner(&Owner::of(user));
        if (owner->raw.drop)
            owner->raw.drop(owner->raw.user);
    };
    return node;
}

}  // namespace detail

}  // namespace wuerst

#endif
