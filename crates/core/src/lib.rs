//! Values, types, signatures, the Node trait, the registry and errors.
