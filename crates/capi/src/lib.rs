//! The Rust API in C: libwuerst.so.
