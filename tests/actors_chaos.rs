//! Actors that come, go and panic while messages are sent: the books balance.
fn main() {}
