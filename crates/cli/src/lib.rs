//! The wuerst command.
