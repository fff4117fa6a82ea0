//! Two processes with rings of their own, joined over one server.
fn main() {}
