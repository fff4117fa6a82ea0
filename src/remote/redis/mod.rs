//! Messages over a Redis server.
