//! The drivers of the actor rows: telling, spawning, and the memory of idle actors. Asking is a request.

pub mod memory;
pub mod spawn;
pub mod tell;
